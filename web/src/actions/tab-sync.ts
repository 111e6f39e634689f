// Keeps this tab in sync with the other tabs, and with what happened while it was hidden or offline.

import type { Store } from "../app/store.ts";
import type { Threads } from "./threads.ts";

/** How often the list is reloaded while a turn runs that this tab does not follow, in milliseconds. */
const POLL_INTERVAL = 15_000;
/** A tab that was hidden for longer than this is refreshed, in milliseconds. */
const STALE_AFTER = 5_000;

export function syncTabs(
  store: Store,
  threads: Threads,
  channel: BroadcastChannel | null,
  { loadInfo, reconnect }: { readonly loadInfo: () => void; readonly reconnect: () => void },
): void {
  function refresh(): void {
    reconnect();
    if (store.state.info === null) loadInfo();
    void threads.list();
    reopen(store.state.location.threadId);
  }

  /** Reloads a conversation unless its answer is streaming. */
  function reopen(threadId: string | null): void {
    if (threadId !== null && store.state.conversations[threadId]?.live === null) void threads.open(threadId);
  }

  channel?.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    void threads.list();
    const { threadId } = store.state.location;
    if (data === threadId) reopen(threadId);
  });

  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > STALE_AFTER) refresh();
  });
  window.addEventListener("online", refresh);

  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    const { list, conversations } = store.state;
    const runsElsewhere = ({ id, running_turn_id }: { id: string; running_turn_id: string | null }) =>
      running_turn_id !== null && (conversations[id]?.live ?? null) === null;
    if (list.threads.some(runsElsewhere)) void threads.list();
  }, POLL_INTERVAL);
}
