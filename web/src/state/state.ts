import type {
  FactName,
  Instructions,
  Message,
  Part,
  ServerInfo,
  Summary,
  SummaryLine,
  Thread,
} from "../transport/protocol.ts";

export interface State {
  readonly info: ServerInfo | null;
  readonly access: "open" | "needed" | "refused";
  readonly location: PageLocation;
  readonly list: ThreadList;
  readonly conversations: Readonly<Record<string, Conversation>>;
  /** Messages and requests that are not on the server yet, oldest first. */
  readonly outbox: readonly Post[];
  readonly panel: Panel | null;
  readonly alert: Alert | null;
  readonly announcement: string;
}

export interface PageLocation {
  readonly threadId: string | null;
  /** A message to show, for example a search result. */
  readonly messageId: string | null;
}

/** What is open beside the thread: its summary, or the context report of one turn. */
export type Panel = { readonly type: "summary" } | { readonly type: "context"; readonly turnId: string };

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
  /** As last loaded; null before. The list may not contain it, for it shows archived threads or the others. */
  readonly thread: Thread | null;
  /** The visible branch, from the first loaded message to its leaf, without the streaming answer. */
  readonly messages: readonly Message[];
  readonly hasMore: boolean;
  readonly older: Phase;
  readonly live: LiveTurn | null;
  /** Routes read from event streams, by message id. */
  readonly routes: Readonly<Record<string, Route>>;
  readonly summary: SummaryView;
  /** Null until they are loaded. */
  readonly instructions: Instructions | null;
}

export interface Route {
  readonly model: string | null;
  readonly tier: string | null;
  readonly reason: string | null;
}

/** The running turn. Its message grows with each event; `seq` is the cursor in the event log. */
export interface LiveTurn {
  readonly turnId: string;
  readonly seq: number;
  readonly message: Message;
  readonly parts: readonly LivePart[];
  readonly connection: "open" | "lost";
  readonly stopping: boolean;
  /** What the server does while no text arrives, for example waiting to retry. */
  readonly activity: string | null;
}

export interface LivePart extends Part {
  readonly part_id: string;
  readonly startedAt: number;
  readonly ended: boolean;
}

export type Branch =
  | { readonly type: "append" }
  | { readonly type: "edit"; readonly messageId: string; readonly parentId: string | null }
  | AnswerBranch;

/** A sibling of an answer: a new one, or one that continues its text. */
export interface AnswerBranch {
  readonly type: "regenerate" | "continue";
  readonly messageId: string;
}

export function isAnswerBranch(branch: Branch): branch is AnswerBranch {
  return branch.type === "regenerate" || branch.type === "continue";
}

export interface Post {
  /** The Idempotency-Key: the same for every attempt to send this post. */
  readonly key: string;
  readonly threadId: string;
  readonly messageId: string;
  readonly text: string;
  readonly branch: Branch;
  /** The tier that was chosen for the thread which this post begins. */
  readonly tier: string | null;
  /**
   * `queued` waits for the end of the running answer, `offline` for the connection, `held` for the reader, because the answer
   * before it did not end normally.
   */
  readonly status: "queued" | "sending" | "offline" | "held" | "failed";
  readonly problem: string | null;
  /** The turn that ran, or was being stopped, when the reader said to send this: it is sent however that turn ends. */
  readonly releasedDuring: string | null;
}

/** Whether a post waits for the reader. All others are sent by themselves. */
export function waitsForReader({ status }: Post): boolean {
  return status === "failed" || status === "held";
}

export interface SummaryView {
  /** As last loaded; null before. */
  readonly value: Summary | null;
  readonly draft: Draft | null;
  readonly work: SummaryWork | null;
  /** The result of the last action, where the reader should see it. */
  readonly outcome: string | null;
}

export type SummaryWork = "loading" | "saving" | "undoing" | "compacting";

export interface Draft {
  /** The version it corrects; null when that version no longer exists. */
  readonly base: string | null;
  readonly lines: readonly DraftLine[];
  /** A newer version arrived during editing, and the edits were applied to it. */
  readonly rebased: boolean;
}

export interface DraftLine extends SummaryLine {
  readonly key: string;
  /** The saved line; null for a new line. */
  readonly before: SummaryLine | null;
  readonly removed: boolean;
  /** What the line is about when it is the value of a key fact. */
  readonly fact?: FactName;
}

export interface Alert {
  readonly text: string;
  /** The thread that it is about, if it is not the open one. */
  readonly threadId: string | null;
  readonly id: string;
}

export const emptySummary: SummaryView = { value: null, draft: null, work: null, outcome: null };

export const initialState: State = {
  info: null,
  access: "open",
  location: { threadId: null, messageId: null },
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
    summary: emptySummary,
    instructions: null,
  };
}

/** A thread from the list or from its conversation; undefined while it is not loaded. */
export function threadAt({ list, conversations }: State, id: string | null): Thread | undefined {
  if (id === null) return undefined;
  return list.threads.find((thread) => thread.id === id) ?? conversations[id]?.thread ?? undefined;
}

/** The branch, followed by the streaming answer if it continues this branch. */
export function visibleMessages(conversation: Conversation): readonly Message[] {
  const { messages, live } = conversation;
  return live !== null && continuesBranch(live.message, messages) ? [...messages, live.message] : messages;
}

export function continuesBranch(message: Message, branch: readonly Message[]): boolean {
  return (branch.at(-1)?.id ?? null) === message.parent_id;
}

export function textOf(message: Message): string {
  const text = message.parts.map((part) => (part.type === "text" ? (part.text ?? "") : "")).join("\n\n");
  // What a person typed stays as it was typed, with its indentation.
  return message.role === "user" ? text : text.trim();
}

/** Whether an answer stopped before its end with a text that a new turn can continue. */
export function canContinue(message: Message): boolean {
  const { status, finish_reason, error } = message;
  const stopped = status === "failed" || status === "interrupted" || status === "cancelled";
  const withdrawn = error?.code === "content_filtered";
  return (stopped || finish_reason === "length") && !withdrawn && textOf(message).trim() !== "";
}
