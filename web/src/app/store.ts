import { createContext } from "preact";
import { useContext, useEffect, useReducer, useRef } from "preact/hooks";
import type { PageEvent } from "../state/events.ts";
import { reduce } from "../state/reduce.ts";
import { initialState, type State } from "../state/state.ts";

export interface Store {
  readonly state: State;
  dispatch(event: PageEvent): void;
  /** Like dispatch, but events of one frame are applied together: for text that arrives in bursts. */
  defer(event: PageEvent): void;
  subscribe(listener: () => void): () => void;
}

export function createStore(schedule: (flush: () => void) => void = nextFrame): Store {
  let state = initialState;
  let deferred: PageEvent[] = [];
  const listeners = new Set<() => void>();

  function apply(events: readonly PageEvent[]): void {
    const before = state;
    state = events.reduce(reduce, state);
    if (state !== before) for (const listener of listeners) listener();
  }

  function flush(): void {
    const events = deferred;
    deferred = [];
    if (events.length > 0) apply(events);
  }

  return {
    get state() {
      return state;
    },
    dispatch(event) {
      apply([...deferred.splice(0), event]);
    },
    defer(event) {
      deferred.push(event);
      if (deferred.length === 1) schedule(flush);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Hidden tabs get no frames, while their turns go on: a timer replaces the frame. */
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

/** Selects a value from the state. The view renders again when the value is another one. */
export function useSelector<T>(select: (state: State) => T): T {
  const store = useContext(StoreContext);
  if (store === null) throw new Error("There is no store above this view.");
  const [, rerender] = useReducer((count: number) => count + 1, 0);
  const value = select(store.state);
  const latest = useRef({ select, value });
  latest.current = { select, value };
  useEffect(() => {
    const check = () => {
      if (!Object.is(latest.current.select(store.state), latest.current.value)) rerender(undefined);
    };
    check();
    return store.subscribe(check);
  }, [store]);
  return value;
}
