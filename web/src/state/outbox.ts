import type { PageEvent } from "./events.ts";
import type { Post, State } from "./state.ts";

/** Applies one event to the posts that wait until the server has them. Nothing a person typed is lost. */
export function reduceOutbox(outbox: readonly Post[], event: PageEvent): readonly Post[] {
  switch (event.type) {
    case "post.added":
      return [...outbox, event.post];
    case "post.changed":
      return outbox.map((post) =>
        post.key === event.key ? { ...post, status: event.status, problem: event.problem } : post,
      );
    case "post.removed":
      return outbox.filter((post) => post.key !== event.key);
    case "turn.accepted":
      return outbox.filter((post) => post.key !== event.post.key);
    case "thread.removed":
      return outbox.filter((post) => post.threadId !== event.id);
    case "history.loaded": {
      // A failed post may be on the server after all: only the server's answer to it was lost.
      const stored = new Set(event.messages.map((message) => message.id));
      const waiting = outbox.filter((post) => post.status === "sending" || !stored.has(post.messageId));
      return waiting.length === outbox.length ? outbox : waiting;
    }
    default:
      return outbox;
  }
}

const MAX_ATTEMPTS = 4;
const MAX_WAIT = 60; // seconds; a budget may ask for days

/** Seconds before a refused post is retried automatically; null when the reader must decide. */
export function retryDelay(
  refusal: { readonly retryable: boolean; readonly retryAfter: number | null },
  attempt: number,
): number | null {
  if (!refusal.retryable || attempt >= MAX_ATTEMPTS) return null;
  const seconds = refusal.retryAfter ?? 2 ** attempt * 0.4;
  return seconds <= MAX_WAIT ? seconds : null;
}

/** The post to send next: the oldest queued post of a thread where no turn runs and no post is being sent. */
export function nextPost(state: State): Post | null {
  const busyThreads = new Set<string>();
  for (const post of state.outbox) {
    const running = state.conversations[post.threadId]?.live ?? null;
    if (post.status === "queued" && running === null && !busyThreads.has(post.threadId)) return post;
    if (post.status !== "failed") busyThreads.add(post.threadId);
  }
  return null;
}
