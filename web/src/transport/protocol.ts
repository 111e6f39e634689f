// The types of palaver.v1. What the server declares comes from its OpenAPI document (`npm run generate`); what is stored as it is, such
// as a turn's plan, is described here. Unknown types, kinds and fields are ignored, so that an older page works with a newer server.

import type {
  CallOut,
  InfoOut,
  InstructionsOut,
  InstructionsVersionOut,
  MessageOut,
  ModelOut,
  PartOut,
  PresenceIn,
  SearchHit,
  ThreadOut,
  TurnAccepted,
  TurnErrorOut,
  TurnEvent,
  TurnOut,
  UsageOut,
} from "./generated.ts";

export type { TurnEvent };
export type ServerInfo = InfoOut;
export type ModelChoice = ModelOut;
export type Thread = ThreadOut;
/** `turn_id` is null while a message of this page has not been accepted. */
export type Message = Omit<MessageOut, "turn_id"> & { readonly turn_id: string | null };
export type MessageStatus = Message["status"];
export type Rating = NonNullable<Message["feedback"]>;
export type Part = PartOut;
export type JsonObject = Readonly<Record<string, unknown>>;
export type Usage = UsageOut;
export type TurnError = TurnErrorOut;
export type Turn = Omit<TurnOut, "message"> & { readonly message: Message };
export type AcceptedTurn = TurnAccepted;
export type Call = Omit<CallOut, "actual_usage" | "estimated_usage"> & {
  readonly actual_usage: UsageByKind;
  readonly estimated_usage: UsageByKind | null;
};
/** Whether this page is shown, hidden, or closed. */
export type Presence = PresenceIn["state"];
export type Instructions = InstructionsOut;
export type InstructionsVersion = InstructionsVersionOut;
export type SearchResult = SearchHit;

export type PromptSection = "tools" | "system" | "instructions" | "summary" | "window" | "recall" | "new";

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
