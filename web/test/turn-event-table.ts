export const ERROR = { code: "overloaded", message: "Too much.", retryable: true };
export const USAGE = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };

/** A turn event without its number and turn, also one that a test leaves incomplete or that no server sends. */
export interface EventBody {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Each event once, after two parts "r" (reasoning) and "t" (text) that have begun. */
export const EVENTS: Readonly<Record<string, EventBody>> = {
  "turn.started": { type: "turn.started" },
  "part.started": { type: "part.started", part_id: "s", kind: "tool", name: "search", input: { query: "x" } },
  "part.delta": { type: "part.delta", part_id: "t", text: "more" },
  "part.ended": { type: "part.ended", part_id: "t", result: { found: 1 } },
  "note route": { type: "note", name: "route", data: { model: "m", tier: "simple", reason: "short" } },
  "note queue": { type: "note", name: "queue", data: { position: 2 } },
  "note retry": { type: "note", name: "retry", data: { attempt: 2, delay: 1, reason: "overloaded" } },
  "note fallback": {
    type: "note",
    name: "fallback",
    data: { from: "a", to: "b", reason: "it is overloaded" },
  },
  "note cascade": {
    type: "note",
    name: "cascade",
    data: { from: "a", to: "b", tier: "complex", reason: "cut" },
  },
  "note budget": { type: "note", name: "budget", data: { reason: "little is left", max_tokens: 9 } },
  "note discard": { type: "note", name: "discard", data: { part_ids: ["r"] } },
  "note upstream_disconnect": { type: "note", name: "upstream_disconnect", data: { ending: "reset" } },
  "note storage_delay": { type: "note", name: "storage_delay", data: { seconds: 4 } },
  "note title": { type: "note", name: "title", data: { title: "Tides" } },
  "an unknown note": { type: "note", name: "new", data: {} },
  "an unknown type": { type: "something.new" },
  "turn.completed": { type: "turn.completed", finish_reason: "stop", usage: USAGE },
  "turn.failed": { type: "turn.failed", error: ERROR, usage: USAGE },
  "turn.cancelled": { type: "turn.cancelled", usage: USAGE },
};
