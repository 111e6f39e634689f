// Sends one post, with retries that never send it twice.

import { refusalText } from "../format/refusals.ts";
import { offlineDelay, retryDelay } from "../state/outbox.ts";
import { type Post, threadAt } from "../state/state.ts";
import type { TurnRequest } from "../transport/api.ts";
import { ApiError, errorMessage, isOffline } from "../transport/http.ts";
import type { AcceptedTurn, Thread } from "../transport/protocol.ts";
import { attempt, type Dependencies } from "./dependencies.ts";

/** A tab waits this long before it retries a post that another tab overtook, in milliseconds. */
const BUSY_DELAY = 1_500;

export interface SendEvents {
  /** Follows an accepted turn. */
  readonly join: (threadId: string, turnId: string) => Promise<void>;
  readonly reopen: (threadId: string) => Promise<void>;
}

export function createSender(dependencies: Dependencies, { join, reopen }: SendEvents) {
  const { api, store, now, sleep, reconnect } = dependencies;

  function setStatus(key: string, status: Post["status"], problem: string | null = null): void {
    store.dispatch({ type: "post.changed", key, status, problem });
  }

  /** Sends one post. Its key makes every repetition harmless, so a request whose answer was lost is simply sent again. */
  async function send(entry: Post): Promise<void> {
    let offline = 0;
    for (let attempts = 1; ; attempts++) {
      try {
        const accepted = await api.startTurn(entry.threadId, entry.key, requestOf(entry));
        show(entry, accepted, now().toISOString());
        dependencies.notifyTabs(entry.threadId);
        void join(entry.threadId, accepted.id);
        return;
      } catch (error) {
        if (error instanceof ApiError && error.code === "thread_busy") return requeue(entry);
        if (isOffline(error)) {
          setStatus(entry.key, "offline", errorMessage(error));
          await reconnect.pause(offlineDelay(offline++) * 1000);
          // The reader took it back.
          if (!store.state.outbox.some(({ key }) => key === entry.key)) return;
          attempts = 0;
          continue;
        }
        const delay = error instanceof ApiError ? retryDelay(error, attempts) : null;
        if (delay === null) {
          setStatus(entry.key, "failed", refusalText(error));
          return;
        }
        await sleep(delay * 1000);
      }
    }
  }

  /** Shows an accepted post. The first one has created its thread, so that a refused one leaves no empty thread. */
  function show(entry: Post, accepted: AcceptedTurn, at: string): void {
    const isNewThread = threadAt(store.state, entry.threadId) === undefined;
    store.dispatch({ type: "turn.accepted", post: entry, accepted, at });
    if (!isNewThread) return;
    store.dispatch({ type: "thread.changed", thread: newThread(entry, accepted, at) });
    const { threadId, tier } = entry;
    if (tier === null) return;
    void attempt(dependencies, "Could not pin the model.", async () => {
      store.dispatch({ type: "thread.changed", thread: await api.changeThread(threadId, { tier }) });
    });
  }

  /** Another tab started a turn first: shows that turn, and queues the post behind it. */
  async function requeue(entry: Post): Promise<void> {
    await reopen(entry.threadId);
    await sleep(BUSY_DELAY);
    setStatus(entry.key, "queued");
  }

  return { send, setStatus };
}

function newThread({ threadId: id }: Post, { id: running_turn_id }: AcceptedTurn, at: string): Thread {
  const fields = {
    title: null,
    metadata: {},
    archived: false,
    leaf_id: null,
    unread: false,
    running_turn_id,
  };
  return { id, created_at: at, updated_at: at, tier: null, instructions_digest: null, ...fields };
}

function requestOf({ branch, text, messageId, tier }: Post): TurnRequest {
  if (branch.type === "regenerate") return { regenerate: branch.messageId };
  if (branch.type === "continue") return { continue: branch.messageId };
  const input = { text, message_id: messageId };
  if (branch.type === "edit") return { input, parent_id: branch.parentId };
  return tier === null ? { input } : { input, model: tier };
}
