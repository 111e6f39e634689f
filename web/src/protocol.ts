// What palaver.v1 puts on the wire. Unknown types, kinds and fields are ignored everywhere, so that an older page
// keeps working with a newer server.

export interface Info {
  readonly version: string;
  readonly protocol: string;
  readonly backend: string;
  readonly notice: string | null;
  readonly models: readonly ModelChoice[];
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
}

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
    | { readonly type: "part.started"; readonly part_id: string; readonly kind: string }
    | { readonly type: "part.delta"; readonly part_id: string; readonly text: string }
    | { readonly type: "part.ended"; readonly part_id: string; readonly seconds?: number }
    | { readonly type: "note"; readonly name: string; readonly data: Readonly<Record<string, unknown>> }
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
