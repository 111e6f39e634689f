// What a reader does with turns: send, edit, regenerate, continue, stop.

import type { Message } from "../transport/protocol.ts";
import { attempt, type Dependencies } from "./dependencies.ts";
import { createOutbox } from "./outbox.ts";
import { createRunningTurns } from "./running-turns.ts";

export type Turns = ReturnType<typeof createTurns>;

export function createTurns(
  dependencies: Dependencies,
  reopen: (threadId: string) => Promise<void>,
  onSettled: (threadId: string) => Promise<void>,
) {
  const { api, store } = dependencies;
  const running = createRunningTurns(dependencies, { onSettled, onEnd: () => outbox.sendNext() });
  const outbox = createOutbox(dependencies, { join: running.join, reopen });
  const { post, retryPost, dropPost, sendNext } = outbox;

  return {
    attach: running.attach,
    retryPost,
    dropPost,
    /** Sends what is queued, for example after a reload. */
    sendQueued: sendNext,
    /** Tries at once what waits for the connection. */
    reconnect: dependencies.reconnect.now,
    /** Sends a message. `tier` is pinned if the message begins the thread. */
    send: (threadId: string, text: string, tier: string | null = null) =>
      post(threadId, text, { type: "append" }, tier),
    edit: (message: Message, text: string) =>
      post(message.thread_id, text, { type: "edit", messageId: message.id, parentId: message.parent_id }),
    regenerate: (message: Message) =>
      post(message.thread_id, "", { type: "regenerate", messageId: message.id }),
    /** Continues an answer that stopped early, with the model that wrote its first part. */
    continueAnswer: (message: Message) =>
      post(message.thread_id, "", { type: "continue", messageId: message.id }),

    async stop(threadId: string): Promise<void> {
      const live = store.state.conversations[threadId]?.live ?? null;
      if (live === null) return;
      store.dispatch({ type: "turn.stopping", threadId, stopping: true });
      const stopped = await attempt(dependencies, "Could not stop.", () => api.cancelTurn(live.turnId));
      if (!stopped) store.dispatch({ type: "turn.stopping", threadId, stopping: false });
    },
  };
}
