// Keeps this tab in step with the other tabs and with what happened while nobody looked.

import type { Store } from "../app/store.ts";
import type { Threads } from "./threads.ts";

/** Threads whose turn runs elsewhere are looked at this often, in milliseconds. */
const LOOK_EVERY = 15_000;

export function keepInStep(
  store: Store,
  threads: Threads,
  channel: BroadcastChannel | null,
  inform: () => void,
): void {
  function refresh(): void {
    if (store.state.info === null) inform();
    void threads.list();
    const { threadId } = store.state.place;
    const conversation = threadId === null ? undefined : store.state.conversations[threadId];
    if (threadId !== null && conversation !== undefined && conversation.live === null)
      void threads.open(threadId);
  }

  channel?.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    void threads.list();
    const here = store.state.place.threadId;
    if (data === here && here !== null && store.state.conversations[here]?.live === null)
      void threads.open(here);
  });

  let left = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") left = Date.now();
    else if (Date.now() - left > 5_000) refresh();
  });
  window.addEventListener("online", refresh);

  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    const { list, conversations } = store.state;
    const unseen = ({ id, running_turn_id }: { id: string; running_turn_id: string | null }) =>
      running_turn_id !== null && (conversations[id]?.live ?? null) === null;
    if (list.threads.some(unseen)) void threads.list();
  }, LOOK_EVERY);
}
