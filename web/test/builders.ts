// Small builders. A test names only the values that matter to it.

import type { Message, Plan, Thread, Turn, TurnEvent, UsageByKind } from "../src/transport/protocol.ts";
import type { EventBody } from "./turn-event-table.ts";
import type { PageEvent } from "../src/state/events.ts";
import { reduce } from "../src/state/reduce.ts";
import { initialState, type Post, type State } from "../src/state/state.ts";

export function thread(id: string, known: Partial<Thread> = {}): Thread {
  const at = "2026-11-20T08:00:00.000Z";
  const base = { title: null, metadata: {}, created_at: at, updated_at: at, archived: false, leaf_id: null };
  return {
    id,
    ...base,
    tier: null,
    instructions_digest: null,
    unread: false,
    running_turn_id: null,
    ...known,
  };
}

export function message(id: string, parent: string | null, known: Partial<Message> = {}): Message {
  return {
    id,
    thread_id: "t",
    parent_id: parent,
    role: "user",
    status: "complete",
    parts: [{ type: "text", text: `text of ${id}` }],
    turn_id: null,
    created_at: "2026-11-20T08:00:00.000Z",
    sibling_ids: [id],
    model: null,
    usage: null,
    cost_usd: null,
    finish_reason: null,
    error: null,
    feedback: null,
    ...known,
  };
}

/** u1 ─ a1 ─ u2 ─ a2 … */
export function talk(rounds: number): Message[] {
  const messages: Message[] = [];
  for (let round = 1; round <= rounds; round++) {
    messages.push(message(`u${round}`, round === 1 ? null : `a${round - 1}`));
    messages.push(message(`a${round}`, `u${round}`, { role: "assistant" }));
  }
  return messages;
}

export function post(key: string, known: Partial<Post> = {}): Post {
  const base = { threadId: "t", messageId: `u-${key}`, text: `text of ${key}`, tier: null };
  const waits = { status: "sending", problem: null, releasedDuring: null } as const;
  return { key, ...base, branch: { type: "append" }, ...waits, ...known };
}

export function turn(id: string, known: Partial<Turn> = {}): Turn {
  const answer = message(`a-${id}`, `u-${id}`, { role: "assistant" });
  const at = { created_at: "2026-11-20T08:00:00.000Z", finished_at: null };
  const base = { thread_id: "t", status: "running" as const, last_seq: 0, usage: null, error: null };
  return { id, ...at, ...base, message: answer, user_message_id: `u-${id}`, message_id: `a-${id}`, ...known };
}

/** The usage of one call; kinds that are not named are zero. */
export function usage(known: Partial<UsageByKind> = {}): UsageByKind {
  return { input: 0, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0, output: 0, ...known };
}

/** A plan of 1,000 estimated tokens. */
export function plan(known: Partial<Plan> = {}): Plan {
  const estimate = { tools: 0, system: 200, summary: 300, window: 400, recall: 60, new: 40, total: 1000 };
  return { estimate, ...known };
}

/** The state after these events. */
export function given(...events: PageEvent[]): State {
  return events.reduce(reduce, initialState);
}

/** The state after further events. */
export function when(state: State, ...events: PageEvent[]): State {
  return events.reduce(reduce, state);
}

export const history = (messages: readonly Message[], hasMore = false): PageEvent => ({
  type: "history.loaded",
  threadId: "t",
  messages,
  hasMore,
});

export const accepted = (entry: Post, id = "1"): PageEvent => ({
  type: "turn.accepted",
  post: entry,
  accepted: {
    id,
    thread_id: entry.threadId,
    status: "running",
    message_id: `a-${id}`,
    user_message_id: entry.messageId,
  },
  at: "2026-11-20T09:00:00.000Z",
});

/** The event log of turn `id`, numbered from 1. */
export function log(id: string, ...events: EventBody[]): PageEvent[] {
  return events.map((event, index) => ({
    type: "turn.event",
    threadId: "t",
    at: 1000 * index,
    event: { ...event, seq: index + 1, turn_id: id } as unknown as TurnEvent,
  }));
}

export const shortAnswer = (id: string) =>
  log(
    id,
    { type: "turn.started" },
    { type: "part.started", part_id: "p1", kind: "reasoning" },
    { type: "part.delta", part_id: "p1", text: "hm" },
    { type: "part.ended", part_id: "p1" },
    { type: "part.started", part_id: "p2", kind: "text" },
    { type: "part.delta", part_id: "p2", text: "Hel" },
    { type: "part.delta", part_id: "p2", text: "lo" },
    { type: "part.ended", part_id: "p2" },
    { type: "turn.completed", finish_reason: "stop" },
  );
