// Tells the server whether the reader still looks at the open thread, so that it keeps the prompt cache warm only for those
// who come back. Said when it changes, not asked for and not repeated by a clock.

import type { Api } from "../transport/api.ts";
import type { Presence } from "../transport/protocol.ts";
import type { State } from "../state/state.ts";
import type { Store } from "../app/store.ts";

/** What was said of one thread last, and when each state was, in milliseconds. */
export interface Said {
  readonly state: Presence;
  readonly times: Readonly<Partial<Record<Presence, number>>>;
}

/** The same state is said at most this often. */
const LEAST = 20_000;
/** The server forgets after a quarter of an hour; what happens in the thread later than this is worth a repetition. */
const WORN = 600_000;

/** Milliseconds until `state` may be said: 0 at once, null not at all. */
export function untilSaid(said: Said | undefined, state: Presence, now: number): number | null {
  if (said === undefined) return 0;
  const since = now - (said.times[state] ?? Number.NEGATIVE_INFINITY);
  if (said.state === state) return since >= WORN ? 0 : null;
  return Math.max(0, LEAST - since);
}

export function saying(said: Said | undefined, state: Presence, now: number): Said {
  return { state, times: { ...said?.times, [state]: now } };
}

/** The thread that is open here and known to the server. */
export function openThread({ access, place: { threadId }, conversations }: State): string | null {
  if (access !== "open" || threadId === null) return null;
  return conversations[threadId]?.phase === "ready" ? threadId : null;
}

export function keepPresence(store: Store, api: Pick<Api, "presence">): void {
  const said = new Map<string, Said>();
  let here: string | null = null;
  let leaving = false;
  let later: ReturnType<typeof setTimeout> | undefined;

  function say(threadId: string, state: Presence): void {
    const now = Date.now();
    const wait = untilSaid(said.get(threadId), state, now);
    if (wait === 0) {
      said.set(threadId, saying(said.get(threadId), state, now));
      // Nobody is helped by hearing that this failed.
      api.presence(threadId, state).catch(() => undefined);
    } else if (wait !== null) {
      clearTimeout(later);
      later = setTimeout(look, wait);
    }
  }

  function look(): void {
    // A closing page is hidden as well; that would take back its farewell.
    if (leaving || store.state.access !== "open") return;
    const thread = openThread(store.state);
    clearTimeout(later);
    // A thread one has moved on from is no longer looked at.
    if (here !== null && here !== thread && said.get(here)?.state === "visible") say(here, "open");
    here = thread;
    if (thread !== null) say(thread, document.visibilityState === "visible" ? "visible" : "open");
  }

  let looked: readonly unknown[] = [];
  store.subscribe(() => {
    const thread = openThread(store.state);
    const next = [thread, thread !== null && store.state.conversations[thread]?.live !== null];
    if (next.every((value, index) => value === looked[index])) return;
    looked = next;
    look();
  });
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", () => {
    leaving = false;
    look();
  });
  window.addEventListener("pagehide", () => {
    leaving = true;
    clearTimeout(later);
    if (here !== null && untilSaid(said.get(here), "gone", Date.now()) === 0) say(here, "gone");
  });
}
