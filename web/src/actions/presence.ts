// Reports to the server whether the reader looks at the open thread, so that it keeps the prompt cache warm only for readers
// who come back. Reports changes; it neither polls nor repeats on a timer.

import type { Store } from "../app/store.ts";
import type { State } from "../state/state.ts";
import type { Api } from "../transport/api.ts";
import type { Presence } from "../transport/protocol.ts";

/** The last report about one thread, and when each state was reported, in milliseconds. */
export interface PresenceReport {
  readonly state: Presence;
  readonly times: Readonly<Partial<Record<Presence, number>>>;
}

/** The same state is reported at most this often. */
const MIN_INTERVAL = 20_000;
/** The server forgets a report after a quarter of an hour; later activity in the thread repeats it. */
const REPEAT_AFTER = 600_000;

/** Milliseconds until `state` may be reported: 0 for now, null for not at all. */
export function reportDelay(report: PresenceReport | undefined, state: Presence, now: number): number | null {
  if (report === undefined) return 0;
  const age = now - (report.times[state] ?? Number.NEGATIVE_INFINITY);
  if (report.state === state) return age >= REPEAT_AFTER ? 0 : null;
  return Math.max(0, MIN_INTERVAL - age);
}

export function withReport(report: PresenceReport | undefined, state: Presence, now: number): PresenceReport {
  return { state, times: { ...report?.times, [state]: now } };
}

/** The thread that is open on this page and exists on the server. */
export function openThread({ access, location: { threadId }, conversations }: State): string | null {
  if (access !== "open" || threadId === null) return null;
  return conversations[threadId]?.phase === "ready" ? threadId : null;
}

export function reportPresence(store: Store, api: Pick<Api, "presence">): void {
  const reports = new Map<string, PresenceReport>();
  let current: string | null = null;
  let isClosing = false;
  let delayed: ReturnType<typeof setTimeout> | undefined;

  function report(threadId: string, state: Presence): void {
    const now = Date.now();
    const delay = reportDelay(reports.get(threadId), state, now);
    if (delay === 0) {
      reports.set(threadId, withReport(reports.get(threadId), state, now));
      // A failure needs no message: the cache merely cools down sooner.
      api.presence(threadId, state).catch(() => undefined);
    } else if (delay !== null) {
      clearTimeout(delayed);
      delayed = setTimeout(update, delay);
    }
  }

  function update(): void {
    // A closing page is hidden too, which must not overwrite its last report.
    if (isClosing || store.state.access !== "open") return;
    const thread = openThread(store.state);
    clearTimeout(delayed);
    // The reader left the previous thread.
    if (current !== null && current !== thread && reports.get(current)?.state === "visible")
      report(current, "open");
    current = thread;
    if (thread !== null) report(thread, document.visibilityState === "visible" ? "visible" : "open");
  }

  let before: readonly unknown[] = [];
  store.subscribe(() => {
    const thread = openThread(store.state);
    const after = [thread, thread !== null && store.state.conversations[thread]?.live !== null];
    if (after.every((value, index) => value === before[index])) return;
    before = after;
    update();
  });
  document.addEventListener("visibilitychange", update);
  window.addEventListener("pageshow", () => {
    isClosing = false;
    update();
  });
  window.addEventListener("pagehide", () => {
    isClosing = true;
    clearTimeout(delayed);
    if (current !== null && reportDelay(reports.get(current), "gone", Date.now()) === 0)
      report(current, "gone");
  });
}
