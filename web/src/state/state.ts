import type { Info, Message, Part, Summary, SummaryLine, Thread } from "../transport/protocol.ts";

export interface State {
  readonly info: Info | null;
  readonly access: "open" | "needed" | "refused";
  readonly place: Place;
  readonly list: ThreadList;
  readonly conversations: Readonly<Record<string, Conversation>>;
  /** What was said here and is not on the server yet, oldest first. */
  readonly outbox: readonly Post[];
  readonly panel: Panel | null;
  readonly alert: Alert | null;
  readonly announcement: string;
}

export interface Place {
  readonly threadId: string | null;
  /** A message to show, for example a search result. */
  readonly messageId: string | null;
}

/** What is open beside the thread: its summary, or what the model was told in one turn. */
export type Panel = { readonly type: "summary" } | { readonly type: "told"; readonly turnId: string };

export interface ThreadList {
  readonly threads: readonly Thread[];
  readonly archived: boolean;
  readonly cursor: string | null;
  readonly phase: Phase;
  readonly problem: string | null;
}

export type Phase = "idle" | "loading" | "ready" | "failed";

export interface Conversation {
  readonly id: string;
  readonly phase: Phase | "missing";
  readonly problem: string | null;
  /** As last read; null before. The list may not have it: it shows either the archive or the rest. */
  readonly thread: Thread | null;
  /** The visible branch from some message to its leaf, without the answer that is being written. */
  readonly messages: readonly Message[];
  readonly hasMore: boolean;
  readonly older: Phase;
  readonly live: Live | null;
  /** Routing decisions seen in streams, by message id. */
  readonly routes: Readonly<Record<string, Route>>;
  readonly summary: SummaryView;
}

export interface Route {
  readonly model: string | null;
  readonly tier: string | null;
  readonly reason: string | null;
}

/** The running turn. Its message grows with each event; `seq` is the cursor. */
export interface Live {
  readonly turnId: string;
  readonly seq: number;
  readonly message: Message;
  readonly parts: readonly LivePart[];
  readonly connection: "open" | "lost";
  readonly stopping: boolean;
  /** What the server is doing when it is not writing, for example waiting to retry. */
  readonly activity: string | null;
}

export interface LivePart extends Part {
  readonly part_id: string;
  readonly startedAt: number;
  readonly ended: boolean;
}

export type Branch =
  | { readonly type: "say" }
  | { readonly type: "edit"; readonly messageId: string; readonly parentId: string | null }
  | AnotherAnswer;

/** A sibling of an answer: anew, or beginning with what it said before it broke off. */
export interface AnotherAnswer {
  readonly type: "regenerate" | "continue";
  readonly messageId: string;
}

export function isAnotherAnswer(branch: Branch): branch is AnotherAnswer {
  return branch.type === "regenerate" || branch.type === "continue";
}

export interface Post {
  /** The Idempotency-Key: the same for every attempt to send this post. */
  readonly key: string;
  readonly threadId: string;
  readonly messageId: string;
  readonly text: string;
  readonly branch: Branch;
  readonly model: string | null;
  readonly status: "queued" | "sending" | "failed";
  readonly problem: string | null;
}

export interface SummaryView {
  /** As the server last told it; null before it did. */
  readonly value: Summary | null;
  readonly draft: Draft | null;
  readonly work: SummaryWork | null;
  /** What became of the last thing that was tried, when it is worth saying. */
  readonly outcome: string | null;
}

export type SummaryWork = "loading" | "saving" | "undoing" | "folding";

export interface Draft {
  /** The version it corrects; null when there is none any more. */
  readonly base: string | null;
  readonly lines: readonly DraftLine[];
  /** The summary became another one while this was written. */
  readonly moved: boolean;
}

export interface DraftLine extends SummaryLine {
  readonly key: string;
  /** The line as it was saved; null for a line of the reader's own. */
  readonly before: SummaryLine | null;
  readonly removed: boolean;
}

export interface Alert {
  readonly text: string;
  readonly id: string;
}

export const noSummary: SummaryView = { value: null, draft: null, work: null, outcome: null };

export const initialState: State = {
  info: null,
  access: "open",
  place: { threadId: null, messageId: null },
  list: { threads: [], archived: false, cursor: null, phase: "idle", problem: null },
  conversations: {},
  outbox: [],
  panel: null,
  alert: null,
  announcement: "",
};

export function emptyConversation(id: string, phase: Conversation["phase"] = "idle"): Conversation {
  return {
    id,
    phase,
    problem: null,
    thread: null,
    messages: [],
    hasMore: false,
    older: "idle",
    live: null,
    routes: {},
    summary: noSummary,
  };
}

/** A thread, whichever list it is in; undefined while it is not known. */
export function threadAt({ list, conversations }: State, id: string | null): Thread | undefined {
  if (id === null) return undefined;
  return list.threads.find((thread) => thread.id === id) ?? conversations[id]?.thread ?? undefined;
}

/** The messages a reader sees: the branch, then the answer being written if it belongs to this branch. */
export function visibleMessages(conversation: Conversation): readonly Message[] {
  const { messages, live } = conversation;
  return live !== null && belongs(live.message, messages) ? [...messages, live.message] : messages;
}

export function belongs(message: Message, branch: readonly Message[]): boolean {
  return (branch.at(-1)?.id ?? null) === message.parent_id;
}

export function textOf(message: Message): string {
  return message.parts
    .map((part) => (part.type === "text" ? (part.text ?? "") : ""))
    .join("\n\n")
    .trim();
}

/** Whether an answer stopped before its end and said something that can be gone on with. */
export function canGoOn(message: Message): boolean {
  const { status, finish_reason, error } = message;
  const stopped = status === "failed" || status === "interrupted" || status === "cancelled";
  const withdrawn = error?.code === "content_filtered";
  return (stopped || finish_reason === "length") && !withdrawn && textOf(message).trim() !== "";
}
