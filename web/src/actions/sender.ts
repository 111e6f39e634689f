// Sends one post, with retries that never send it twice.

import { retryDelay } from "../state/outbox.ts";
import type { Post } from "../state/state.ts";
import type { TurnRequest } from "../transport/api.ts";
import { ApiError, errorMessage } from "../transport/http.ts";
import type { Dependencies } from "./dependencies.ts";

/** A tab waits this long before it retries a post that another tab overtook, in milliseconds. */
const BUSY_DELAY = 1_500;

export interface SendEvents {
  /** Follows an accepted turn. */
  readonly join: (threadId: string, turnId: string) => Promise<void>;
  readonly reopen: (threadId: string) => Promise<void>;
}

export function createSender(dependencies: Dependencies, { join, reopen }: SendEvents) {
  const { api, store, now, sleep } = dependencies;

  function setStatus(key: string, status: Post["status"], problem: string | null = null): void {
    store.dispatch({ type: "post.changed", key, status, problem });
  }

  /** Sends one post. Its key makes every repetition harmless, so a request whose answer was lost is simply sent again. */
  async function send(entry: Post): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        // Creating a thread again is harmless too.
        if ((store.state.conversations[entry.threadId]?.messages.length ?? 0) === 0) {
          const thread = await api.createThread(entry.threadId);
          store.dispatch({ type: "thread.changed", thread });
        }
        const accepted = await api.startTurn(entry.threadId, entry.key, requestOf(entry));
        store.dispatch({ type: "turn.accepted", post: entry, accepted, at: now().toISOString() });
        dependencies.notifyTabs(entry.threadId);
        void join(entry.threadId, accepted.id);
        return;
      } catch (error) {
        if (error instanceof ApiError && error.code === "thread_busy") return requeue(entry);
        const delay = error instanceof ApiError ? retryDelay(error, attempt) : null;
        if (delay === null) {
          setStatus(entry.key, "failed", errorMessage(error));
          return;
        }
        await sleep(delay * 1000);
      }
    }
  }

  /** Another tab started a turn first: shows that turn, and queues the post behind it. */
  async function requeue(entry: Post): Promise<void> {
    await reopen(entry.threadId);
    await sleep(BUSY_DELAY);
    setStatus(entry.key, "queued");
  }

  return { send, setStatus };
}

function requestOf({ branch, text, messageId, model }: Post): TurnRequest {
  const choice = model === null ? {} : { model };
  if (branch.type === "regenerate") return { regenerate: branch.messageId, ...choice };
  if (branch.type === "continue") return { continue: branch.messageId };
  const input = { text, message_id: messageId };
  return branch.type === "edit" ? { input, parent_id: branch.parentId, ...choice } : { input, ...choice };
}
