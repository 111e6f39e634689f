import type { PageEvent } from "./events.ts";
import { type Conversation, type Post, type State, waitsForReader } from "./state.ts";

/** Applies one event to the posts that wait until the server has them. Nothing a person typed is lost. */
export function reduceOutbox(outbox: readonly Post[], event: PageEvent): readonly Post[] {
  switch (event.type) {
    case "post.added":
      return [...outbox, event.post];
    case "post.changed":
      return outbox.map((post) =>
        post.key === event.key ? { ...post, status: event.status, problem: event.problem } : post,
      );
    case "post.released":
      return outbox.map((post) =>
        post.key === event.key
          ? { ...post, status: "queued", problem: null, releasedDuring: event.during }
          : post,
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
      const waiting = outbox.filter((post) => isUnderway(post) || !stored.has(post.messageId));
      return waiting.length === outbox.length ? outbox : waiting;
    }
    default:
      return outbox;
  }
}

/**
 * Holds back the queue of a thread whose answer is being stopped or did not end normally: the next message was written for
 * another answer, so the reader decides, unless he did so already for this turn. `conversations` are those before the event.
 */
export function holdQueue(
  outbox: readonly Post[],
  event: PageEvent,
  conversations: State["conversations"],
): readonly Post[] {
  if (!outbox.some((post) => post.status === "queued")) return outbox;
  const turn = brokenOff(event, conversations);
  if (turn === null) return outbox;
  return outbox.map((post) =>
    post.threadId === turn.threadId && post.status === "queued" && post.releasedDuring !== turn.id
      ? { ...post, status: "held" }
      : post,
  );
}

interface BrokenTurn {
  readonly threadId: string;
  readonly id: string;
}

/** The running turn that is being stopped, or ended in another way than complete; else null. */
function brokenOff(event: PageEvent, conversations: State["conversations"]): BrokenTurn | null {
  const running = (threadId: string, turnId?: string): BrokenTurn | null => {
    const live: Conversation["live"] = conversations[threadId]?.live ?? null;
    if (live === null || (turnId !== undefined && live.turnId !== turnId)) return null;
    return { threadId, id: live.turnId };
  };
  if (event.type === "turn.stopping") return event.stopping ? running(event.threadId) : null;
  if (event.type === "turn.lost") return running(event.threadId, event.turnId);
  if (event.type === "turn.event") {
    const { type, turn_id: turnId } = event.event;
    return type === "turn.failed" || type === "turn.cancelled" ? running(event.threadId, turnId) : null;
  }
  if (event.type === "turn.settled") {
    const { id, status, thread_id: threadId } = event.turn;
    return status !== "running" && status !== "completed" ? running(threadId, id) : null;
  }
  return null;
}

/** Whether a request with the post may be on its way. */
function isUnderway({ status }: Post): boolean {
  return status === "sending" || status === "offline";
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

/** Seconds before a post is sent again that found no server, however often that happened. */
export function offlineDelay(attempt: number): number {
  return Math.min(15, 2 ** Math.min(attempt, 6) * 0.4);
}

/** The post to send next: the oldest queued post of a thread where no turn runs and no post is being sent. */
export function nextPost(state: State): Post | null {
  const busyThreads = new Set<string>();
  for (const post of state.outbox) {
    const running = state.conversations[post.threadId]?.live ?? null;
    if (post.status === "queued" && running === null && !busyThreads.has(post.threadId)) return post;
    if (!waitsForReader(post)) busyThreads.add(post.threadId);
  }
  return null;
}
