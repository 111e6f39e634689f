// The shapes of a summary as the server sends and takes them.

/** The summary that replaces old messages of the visible branch; `id` is null while there is none. */
export interface Summary {
  readonly id: string | null;
  readonly upto_message_id: string | null;
  readonly tokens: number;
  /** The parts of the summary, oldest first. */
  readonly segments: readonly SummarySegment[];
  readonly lines: readonly SummaryLine[];
  readonly facts: readonly KeyFact[];
  /** Key facts that are not in the table any more, newest last. */
  readonly past_facts: readonly PastFact[];
  readonly versions: readonly SummaryVersion[];
}

export interface SummarySegment {
  readonly id: string;
  /** How many times its lines were condensed again after they were written. */
  readonly level: number;
  readonly first_message_id: string;
  readonly last_message_id: string;
  readonly tokens: number;
}

export interface FactName {
  readonly kind: string;
  readonly subject: string;
}

export interface KeyFact extends FactName {
  readonly value: string;
  readonly sources: readonly string[];
  readonly pinned: boolean;
}

export interface PastFact {
  readonly fact: KeyFact;
  readonly reason: string;
  readonly by: KeyFact | null;
}

export interface SummaryLine {
  readonly text: string;
  /** Ids of the messages that the line summarizes. */
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
