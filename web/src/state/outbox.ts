import type { PageEvent } from "./events.ts";
import type { Post, State } from "./state.ts";

/** Posts wait here until the server has them; nothing typed is ever dropped on the way. */
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
      // A post whose answer was lost on the way back is on the server all the same.
      const stored = new Set(event.messages.map((message) => message.id));
      const left = outbox.filter((post) => post.status === "sending" || !stored.has(post.messageId));
      return left.length === outbox.length ? outbox : left;
    }
    default:
      return outbox;
  }
}

const ATTEMPTS = 4;
const PATIENCE = 60; // seconds a reader is kept waiting; a budget may ask for days

/** Seconds before a post that was refused is sent again by itself; null when the reader decides. */
export function pauseBefore(
  refusal: { readonly retryable: boolean; readonly retryAfter: number | null },
  attempt: number,
): number | null {
  if (!refusal.retryable || attempt >= ATTEMPTS) return null;
  const seconds = refusal.retryAfter ?? 2 ** attempt * 0.4;
  return seconds <= PATIENCE ? seconds : null;
}

/** The post to send now: the oldest queued one of a thread where nothing runs or is being sent. */
export function nextPost(state: State): Post | null {
  const held = new Set<string>();
  for (const post of state.outbox) {
    const running = state.conversations[post.threadId]?.live ?? null;
    if (post.status === "queued" && running === null && !held.has(post.threadId)) return post;
    if (post.status !== "failed") held.add(post.threadId);
  }
  return null;
}
