// What palaver.v1 puts on the wire. Unknown types, kinds and fields are ignored everywhere, so that an older page
// keeps working with a newer server.

export interface Info {
  readonly version: string;
  readonly protocol: string;
  readonly backend: string;
  readonly notice: string | null;
  readonly models: readonly ModelChoice[];
  /** Most tokens of verbatim conversation in one request; a server may not say. */
  readonly window_tokens?: number;
}

export interface ModelChoice {
  readonly id: string;
  readonly label: string;
  readonly tier: string;
}

export interface Thread {
  readonly id: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly archived: boolean;
  readonly leaf_id: string | null;
  readonly unread: boolean;
  readonly running_turn_id: string | null;
  /** The tier pinned for turns that name none; a server may not know pins. */
  readonly tier?: string | null;
}

export type MessageStatus = "complete" | "streaming" | "interrupted" | "failed" | "cancelled";

export interface Message {
  readonly id: string;
  readonly thread_id: string;
  readonly parent_id: string | null;
  readonly role: "user" | "assistant";
  readonly status: MessageStatus;
  readonly parts: readonly Part[];
  readonly turn_id: string | null;
  readonly created_at: string;
  readonly sibling_ids: readonly string[];
  readonly model: string | null;
  readonly usage: Usage | null;
  readonly cost_usd: string | null;
  readonly finish_reason: string | null;
  readonly error: Problem | null;
  readonly feedback: Rating | null;
}

export type Rating = "up" | "down";

export interface Part {
  readonly type: string;
  readonly text?: string;
  readonly seconds?: number;
  /** Of a tool call: what was called, with what, and what came of it. */
  readonly name?: string;
  readonly input?: Facts;
  readonly result?: Facts;
}

export type Facts = Readonly<Record<string, unknown>>;

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
  readonly reasoning_tokens?: number;
  readonly cached_input_tokens?: number;
  readonly cache_write_input_tokens?: number;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export interface Turn {
  readonly id: string;
  readonly thread_id: string;
  readonly status: "running" | "completed" | "failed" | "cancelled";
  readonly last_seq: number;
  readonly message: Message;
  readonly user_message_id: string;
  readonly message_id: string;
  readonly usage: Usage | null;
  readonly error: Problem | null;
}

export interface Accepted {
  readonly id: string;
  readonly thread_id: string;
  readonly message_id: string;
  readonly user_message_id: string;
}

export type Section = "tools" | "system" | "summary" | "window" | "recall" | "new";

/** Tokens in the kinds that have prices of their own. */
export interface Kinds {
  readonly input: number;
  readonly cache_read: number;
  readonly cache_write_5m: number;
  readonly cache_write_1h: number;
  readonly output: number;
  /** Of the output, what was thinking. */
  readonly reasoning?: number;
}

/** What a turn's request was made of, and why. Old turns know less, so nothing is promised. */
export interface Plan {
  readonly recipe?: {
    readonly model?: string;
    readonly first_message_id?: string;
    readonly last_message_id?: string;
    readonly breakpoints?: readonly { readonly at: string; readonly ttl: string }[];
    readonly recalled?: readonly { readonly id: string }[];
  };
  readonly estimate?: Readonly<Partial<Record<Section | "total", number>>>;
  readonly predicted?: Kinds;
  readonly cost_pico_usd?: number | null;
  readonly left_out?: readonly LeftOut[];
  readonly reasons?: Readonly<Record<string, string>>;
  readonly window_messages?: number;
  readonly route?: StoredRoute;
}

/** How the model was chosen. */
export interface StoredRoute {
  readonly model?: string;
  readonly tier?: string | null;
  readonly candidates?: readonly Candidate[];
  readonly complexity?: {
    readonly score: number;
    readonly unsure: boolean;
    /** Name, value, and how much it counted, in words. */
    readonly signals: readonly (readonly [string, number, string])[];
  } | null;
}

export interface Candidate {
  readonly tier: string;
  readonly model: string;
  readonly label: string;
  readonly price_pico_usd: number | null;
  readonly admissible: boolean;
  readonly why: string;
}

export interface LeftOut {
  readonly what: string;
  readonly messages: number;
  readonly tokens: number;
  readonly why: string;
}

export interface Call {
  readonly purpose: string;
  readonly model: string;
  readonly outcome: string;
  readonly billed: Kinds;
  readonly predicted: Kinds | null;
  /** Why a cache read that was foreseen did not happen: "cause: detail". */
  readonly shortfall: string | null;
  readonly cost_usd: string | null;
}

export interface TurnContext {
  readonly turn_id: string;
  readonly plan: Plan | null;
  readonly calls: readonly Call[];
}

/** What stands for the old messages of the visible branch; `id` is null while nothing does. */
export interface Summary {
  readonly id: string | null;
  readonly upto_message_id: string | null;
  readonly tokens: number;
  readonly lines: readonly SummaryLine[];
  readonly versions: readonly SummaryVersion[];
}

export interface SummaryLine {
  readonly text: string;
  /** The messages it comes from. */
  readonly sources: readonly string[];
  readonly pinned: boolean;
  readonly segment?: string;
}

export interface SummaryVersion {
  readonly id: string;
  readonly upto_message_id: string;
  readonly origin: string;
  readonly active: boolean;
  readonly created_at: string;
}

/** What this page says of itself: shown, there but hidden, or closed. */
export type Presence = "visible" | "open" | "gone";

export interface SearchResult {
  readonly thread_id: string;
  readonly thread_title: string | null;
  readonly message_id: string;
  readonly role: string;
  readonly created_at: string;
  readonly snippet: readonly { readonly text: string; readonly match: boolean }[];
}

interface Numbered {
  readonly seq: number;
  readonly turn_id: string;
}

export type TurnEvent = Numbered &
  (
    | { readonly type: "turn.started"; readonly model?: string }
    | {
        readonly type: "part.started";
        readonly part_id: string;
        readonly kind: string;
        readonly name?: string;
        readonly input?: Facts;
      }
    | { readonly type: "part.delta"; readonly part_id: string; readonly text: string }
    | {
        readonly type: "part.ended";
        readonly part_id: string;
        readonly seconds?: number;
        readonly result?: Facts;
      }
    | { readonly type: "note"; readonly name: string; readonly data: Facts }
    | { readonly type: "turn.completed"; readonly finish_reason?: string; readonly usage?: Usage }
    | { readonly type: "turn.failed"; readonly error: Problem; readonly usage?: Usage }
    | { readonly type: "turn.cancelled"; readonly reason?: string; readonly usage?: Usage }
  );

const TERMINAL = new Set(["turn.completed", "turn.failed", "turn.cancelled"]);

export function isTerminal(event: TurnEvent): boolean {
  return TERMINAL.has(event.type);
}

/** One event from the data of an SSE block; null when it is not one of ours. */
export function parseTurnEvent(data: string): TurnEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { type, seq } = value as { type?: unknown; seq?: unknown };
  return typeof type === "string" && typeof seq === "number" ? (value as TurnEvent) : null;
}
