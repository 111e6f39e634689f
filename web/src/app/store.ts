import { createContext } from "preact";
import { useContext, useEffect, useReducer, useRef } from "preact/hooks";
import type { PageEvent } from "../state/events.ts";
import { reduce } from "../state/reduce.ts";
import { initialState, type State } from "../state/state.ts";

export interface Store {
  readonly state: State;
  dispatch(event: PageEvent): void;
  /** Like dispatch, but folded together with its neighbours once per frame: for text that arrives in bursts. */
  defer(event: PageEvent): void;
  subscribe(listener: () => void): () => void;
}

export function createStore(schedule: (flush: () => void) => void = nextFrame): Store {
  let state = initialState;
  let waiting: PageEvent[] = [];
  const listeners = new Set<() => void>();

  function apply(events: readonly PageEvent[]): void {
    const before = state;
    state = events.reduce(reduce, state);
    if (state !== before) for (const listener of listeners) listener();
  }

  function flush(): void {
    const events = waiting;
    waiting = [];
    if (events.length > 0) apply(events);
  }

  return {
    get state() {
      return state;
    },
    dispatch(event) {
      apply([...waiting.splice(0), event]);
    },
    defer(event) {
      waiting.push(event);
      if (waiting.length === 1) schedule(flush);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Frames stop in hidden tabs, turns do not: a timer stands in. */
function nextFrame(flush: () => void): void {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    flush();
  };
  requestAnimationFrame(once);
  setTimeout(once, 250);
}

export const StoreContext = createContext<Store | null>(null);

/** The selected value; the view is drawn again when it changes identity. */
export function useSelect<T>(select: (state: State) => T): T {
  const store = useContext(StoreContext);
  if (store === null) throw new Error("There is no store above this view.");
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const value = select(store.state);
  const latest = useRef({ select, value });
  latest.current = { select, value };
  useEffect(() => {
    const look = () => {
      if (!Object.is(latest.current.select(store.state), latest.current.value)) redraw(undefined);
    };
    look();
    return store.subscribe(look);
  }, [store]);
  return value;
}
