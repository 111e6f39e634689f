// Follows running turns to their end, whichever thread is on screen, and then loads the result.

import { follow } from "../transport/follow.ts";
import { errorMessage, isMissing } from "../transport/http.ts";
import type { Dependencies } from "./dependencies.ts";

const MAX_ATTEMPTS = 4;

export interface TurnEvents {
  readonly onSettled: (threadId: string) => Promise<void>;
  readonly onEnd: () => void;
}

export function createRunningTurns(dependencies: Dependencies, { onSettled, onEnd }: TurnEvents) {
  const { api, store, newId, now, reconnect } = dependencies;
  const followed = new Set<string>();
  // Nothing aborts it: a turn of another thread is followed as well, so that its answer is there on return.
  const { signal } = new AbortController();

  /** Shows a turn that was already running when the page opened. */
  async function attach(turnId: string): Promise<void> {
    if (followed.has(turnId)) return;
    const turn = await api.turn(turnId);
    if (turn.status !== "running") {
      store.dispatch({ type: "turn.settled", turn });
      return;
    }
    store.dispatch({ type: "turn.joined", turn });
    void join(turn.thread_id, turnId);
  }

  async function join(threadId: string, turnId: string): Promise<void> {
    if (followed.has(turnId)) return;
    followed.add(turnId);
    try {
      await follow({
        after: 0,
        signal,
        open: (after, aborted) => api.events(turnId, after, aborted),
        sleep: reconnect.pause,
        random: Math.random,
        onEvent: (event) => store.defer({ type: "turn.event", threadId, event, at: now().getTime() }),
        onConnection: (connection) =>
          store.dispatch({ type: "turn.connection", threadId, turnId, connection }),
      });
      await loadResult(dependencies, threadId, turnId, onSettled);
    } catch (error) {
      const text = `The connection to the answer was lost. ${errorMessage(error)}`;
      store.dispatch({ type: "alert.raised", text, id: newId() });
    } finally {
      followed.delete(turnId);
      // Without its result, the answer must not stay live: then nothing else could be sent.
      store.dispatch({ type: "turn.lost", threadId, turnId });
      onEnd();
    }
  }

  return { attach, join };
}

/** Loads the stored turn, which decides the outcome and has cost, usage and siblings. */
async function loadResult(
  { api, store, sleep, notifyTabs }: Dependencies,
  threadId: string,
  turnId: string,
  onSettled: TurnEvents["onSettled"],
): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    try {
      const turn = await api.turn(turnId);
      // Its log has ended, so its result is about to be stored.
      if (turn.status === "running") throw new Error("The answer is not finished.");
      store.dispatch({ type: "turn.settled", turn });
      void onSettled(threadId);
      const thread = await api.thread(threadId);
      const isSeen = store.state.location.threadId === threadId && document.visibilityState === "visible";
      store.dispatch({
        type: "thread.changed",
        thread: thread.unread && isSeen ? await api.changeThread(threadId, { read: true }) : thread,
      });
      notifyTabs(threadId);
      return;
    } catch (error) {
      if (isMissing(error)) return;
      await sleep(attempt * 1000);
    }
  }
}
