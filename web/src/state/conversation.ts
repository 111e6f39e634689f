import type { Accepted, Message, Turn } from "../transport/protocol.ts";
import type { PageEvent } from "./events.ts";
import { growLive, settledMessage, startLive } from "./live-turn.ts";
import {
  belongs,
  type Conversation,
  emptyConversation,
  isAnotherAnswer,
  type Post,
  type State,
} from "./state.ts";
import { reduceSummary } from "./summary.ts";

type Conversations = State["conversations"];

/** What one event means for the conversations that are loaded. */
export function visitConversation(all: Conversations, event: PageEvent): Conversations {
  if (event.type === "thread.removed") {
    const { [event.id]: _, ...rest } = all;
    return rest;
  }
  if (event.type === "thread.changed") {
    const known = all[event.thread.id];
    return known === undefined ? all : { ...all, [known.id]: { ...known, thread: event.thread } };
  }
  const id = threadOf(event);
  if (id === null) return all;
  const before = all[id] ?? emptyConversation(id);
  const after = reduceConversation(before, event);
  return after === before ? all : { ...all, [id]: after };
}

function threadOf(event: PageEvent): string | null {
  if ("threadId" in event) return event.threadId;
  if (event.type === "turn.accepted") return event.post.threadId;
  if (event.type === "turn.joined" || event.type === "turn.settled") return event.turn.thread_id;
  if (event.type === "message.changed") return event.message.thread_id;
  return null;
}

function reduceConversation(conversation: Conversation, event: PageEvent): Conversation {
  switch (event.type) {
    case "history.loading":
      return conversation.phase === "ready"
        ? conversation
        : { ...conversation, phase: "loading", problem: null };
    case "history.loaded":
      return loaded(conversation, event.messages, event.hasMore);
    case "history.failed":
      // What is on screen stays on screen; only an empty page shows the problem instead.
      if (conversation.phase === "ready" && !event.missing) return conversation;
      return { ...conversation, phase: event.missing ? "missing" : "failed", problem: event.problem };
    case "older.loading":
      return { ...conversation, older: "loading" };
    case "older.failed":
      return { ...conversation, older: "failed" };
    case "older.loaded":
      // The branch may have changed while the page was on its way: then the page belongs to nothing here.
      if (conversation.messages[0]?.id !== event.before) return { ...conversation, older: "idle" };
      return {
        ...conversation,
        older: "idle",
        hasMore: event.hasMore,
        messages: [...event.messages, ...conversation.messages],
      };
    case "turn.accepted":
      return accepted(conversation, event.post, event.accepted, event.at);
    case "turn.joined":
      return joined(conversation, event.turn);
    case "turn.event":
      return growLive(conversation, event.event, event.at);
    case "turn.connection":
      if (conversation.live?.turnId !== event.turnId || conversation.live.connection === event.connection)
        return conversation;
      return { ...conversation, live: { ...conversation.live, connection: event.connection } };
    case "turn.stopping":
      if (conversation.live === null) return conversation;
      return { ...conversation, live: { ...conversation.live, stopping: event.stopping } };
    case "turn.settled":
      return settled(conversation, event.turn);
    case "message.changed":
      return { ...conversation, messages: replace(conversation.messages, event.message) };
    case "summary.working":
    case "summary.loaded":
    case "summary.failed":
    case "summary.drafted":
      return { ...conversation, summary: reduceSummary(conversation.summary, event) };
    default:
      return conversation;
  }
}

function loaded(conversation: Conversation, page: readonly Message[], hasMore: boolean): Conversation {
  const { live } = conversation;
  const messages = page.filter((message) => message.id !== live?.message.id);
  const first = messages[0];
  const overlap =
    first === undefined ? -1 : conversation.messages.findIndex((known) => known.id === first.id);
  // A refresh of the newest page keeps the older pages above it, so that the reader's place does not move.
  const kept = overlap > 0 ? conversation.messages.slice(0, overlap) : [];
  return {
    ...conversation,
    phase: "ready",
    problem: null,
    older: "idle",
    hasMore: kept.length > 0 ? conversation.hasMore : hasMore,
    messages: [...kept, ...messages],
  };
}

function accepted(conversation: Conversation, post: Post, turn: Accepted, at: string): Conversation {
  if (conversation.live?.turnId === turn.id) return conversation;
  const { messages } = conversation;
  const { branch } = post;
  const cut = branch.type === "say" ? -1 : messages.findIndex((message) => message.id === branch.messageId);
  const target = cut < 0 ? undefined : messages[cut];
  const stem = cut < 0 ? messages : messages.slice(0, cut);
  const blank = { thread_id: post.threadId, turn_id: turn.id, created_at: at };
  if (isAnotherAnswer(branch)) {
    const parent = stem.at(-1)?.id ?? turn.user_message_id;
    const siblings = [...(target?.sibling_ids ?? []), turn.message_id];
    const answer = message({
      ...blank,
      id: turn.message_id,
      parent_id: parent,
      role: "assistant",
      sibling_ids: siblings,
    });
    return { ...conversation, phase: "ready", messages: stem, live: startLive(turn.id, answer) };
  }
  const user = message({
    ...blank,
    id: turn.user_message_id,
    parent_id: branch.type === "edit" ? branch.parentId : (stem.at(-1)?.id ?? null),
    role: "user",
    status: "complete",
    parts: [{ type: "text", text: post.text }],
    sibling_ids: [...(target?.sibling_ids ?? []), turn.user_message_id],
  });
  const known = stem.some((each) => each.id === user.id);
  const answer = message({ ...blank, id: turn.message_id, parent_id: user.id, role: "assistant" });
  return {
    ...conversation,
    phase: "ready",
    messages: known ? stem.filter((each) => each.id !== answer.id) : [...stem, user],
    live: startLive(turn.id, answer),
  };
}

/** A turn that was running when the page arrived: its log is read again from the start, so nothing shows twice. */
function joined(conversation: Conversation, turn: Turn): Conversation {
  if (conversation.live?.turnId === turn.id) return conversation;
  return {
    ...conversation,
    messages: conversation.messages.filter((message) => message.id !== turn.message_id),
    live: startLive(turn.id, { ...turn.message, parts: [], status: "streaming" }),
  };
}

function settled(conversation: Conversation, turn: Turn): Conversation {
  const live = conversation.live?.turnId === turn.id ? null : conversation.live;
  const final = settledMessage(turn.message, turn);
  const known = conversation.messages.some((message) => message.id === final.id);
  if (known) return { ...conversation, live, messages: replace(conversation.messages, final) };
  if (!belongs(final, conversation.messages)) return { ...conversation, live };
  return { ...conversation, live, messages: [...conversation.messages, final] };
}

function replace(messages: readonly Message[], message: Message): readonly Message[] {
  return messages.map((each) => (each.id === message.id ? message : each));
}

function message(
  known: Partial<Message> & Pick<Message, "id" | "thread_id" | "role" | "created_at">,
): Message {
  return {
    parent_id: null,
    status: "streaming",
    parts: [],
    turn_id: null,
    sibling_ids: [known.id],
    model: null,
    usage: null,
    cost_usd: null,
    finish_reason: null,
    error: null,
    feedback: null,
    ...known,
  };
}
