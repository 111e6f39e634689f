// The types of palaver.v1 on the wire. Unknown types, kinds and fields are ignored, so that an older page works with a newer
// server.

export interface ServerInfo {
  readonly version: string;
  readonly protocol: string;
  readonly backend: string;
  readonly notice: string | null;
  readonly models: readonly ModelChoice[];
  /** The largest window, in tokens of messages sent verbatim; a server may omit it. */
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
  /** The tier pinned for turns that name none; a server may omit it. */
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
  readonly error: TurnError | null;
  readonly feedback: Rating | null;
}

export type Rating = "up" | "down";

export interface Part {
  readonly type: string;
  readonly text?: string;
  readonly seconds?: number;
  /** Of a tool call: its name, input and result. */
  readonly name?: string;
  readonly input?: JsonObject;
  readonly result?: JsonObject;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
  readonly reasoning_tokens?: number;
  readonly cached_input_tokens?: number;
  readonly cache_write_input_tokens?: number;
}

export interface TurnError {
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
  readonly error: TurnError | null;
}

export interface AcceptedTurn {
  readonly id: string;
  readonly thread_id: string;
  readonly message_id: string;
  readonly user_message_id: string;
}

export type PromptSection = "tools" | "system" | "summary" | "window" | "recall" | "new";

/** Tokens by kind; each kind has its own price. */
export interface UsageByKind {
  readonly input: number;
  readonly cache_read: number;
  readonly cache_write_5m: number;
  readonly cache_write_1h: number;
  readonly output: number;
  /** The part of the output that was reasoning. */
  readonly reasoning?: number;
}

export type UsageKind = Exclude<keyof UsageByKind, "reasoning">;

/** What the request of a turn contained, and why. Old turns stored less, so every field is optional. */
export interface Plan {
  readonly recipe?: {
    readonly model?: string;
    readonly first_message_id?: string;
    readonly last_message_id?: string;
    readonly breakpoints?: readonly { readonly at: string; readonly ttl: string }[];
    readonly recalled?: readonly { readonly id: string }[];
  };
  readonly estimate?: Readonly<Partial<Record<PromptSection | "total", number>>>;
  readonly estimated_usage?: UsageByKind;
  readonly cost_pico_usd?: number | null;
  readonly left_out?: readonly LeftOut[];
  readonly shortened?: readonly ShortenedReply[];
  readonly reasons?: Readonly<Record<string, string>>;
  readonly recall?: StoredRecall;
  readonly window_messages?: number;
  readonly route?: StoredRoute;
}

/** Why older messages were recalled, or none, as stored. */
export interface StoredRecall {
  readonly code: string;
  /** That an older message is needed, from 0 to 1. */
  readonly probability: number;
  readonly value_tokens: number | null;
  readonly messages: number;
  readonly tokens: number;
  readonly cost_pico_usd: number | null;
  readonly because: readonly string[];
}

/** How the model was chosen, as stored. */
export interface StoredRoute {
  readonly model?: string;
  readonly tier?: string | null;
  readonly candidates?: readonly Candidate[];
  readonly complexity?: {
    readonly score: number;
    readonly unsure: boolean;
    /** Name, value, and its weight in words. */
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

/** A reply of which only the beginning was sent: its estimated tokens, and those of the rest. */
export interface ShortenedReply {
  readonly message_id: string;
  readonly tokens: number;
  readonly saved: number;
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
  readonly actual_usage: UsageByKind;
  readonly estimated_usage: UsageByKind | null;
  /** Why an estimated cache read did not happen: "cause: detail". */
  readonly cache_miss: string | null;
  readonly cost_usd: string | null;
}

export interface TurnContext {
  readonly turn_id: string;
  readonly plan: Plan | null;
  readonly calls: readonly Call[];
}

export type {
  FactName,
  KeyFact,
  PastFact,
  Summary,
  SummaryLine,
  SummarySegment,
  SummaryVersion,
} from "./summary-protocol.ts";

/** Whether this page is shown, hidden, or closed. */
export type Presence = "visible" | "open" | "gone";

export interface SearchResult {
  readonly thread_id: string;
  readonly thread_title: string | null;
  readonly message_id: string;
  readonly role: string;
  readonly created_at: string;
  readonly snippet: readonly { readonly text: string; readonly match: boolean }[];
}

interface EventBase {
  readonly seq: number;
  readonly turn_id: string;
}

export type TurnEvent = EventBase &
  (
    | { readonly type: "turn.started" }
    | {
        readonly type: "part.started";
        readonly part_id: string;
        readonly kind: string;
        readonly name?: string;
        readonly input?: JsonObject;
      }
    | { readonly type: "part.delta"; readonly part_id: string; readonly text: string }
    | {
        readonly type: "part.ended";
        readonly part_id: string;
        readonly seconds?: number;
        readonly result?: JsonObject;
      }
    | { readonly type: "note"; readonly name: string; readonly data: JsonObject }
    | { readonly type: "turn.completed"; readonly finish_reason?: string; readonly usage?: Usage }
    | { readonly type: "turn.failed"; readonly error: TurnError; readonly usage?: Usage }
    | { readonly type: "turn.cancelled"; readonly reason?: string; readonly usage?: Usage }
  );

const TERMINAL = new Set(["turn.completed", "turn.failed", "turn.cancelled"]);

export function isTerminal(event: TurnEvent): boolean {
  return TERMINAL.has(event.type);
}

/** Parses the data of one SSE block; null when it is not a turn event. */
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
