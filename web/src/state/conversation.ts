import type { AcceptedTurn, Message, Turn } from "../transport/protocol.ts";
import type { PageEvent } from "./events.ts";
import { applyTurnEvent, finalMessage, startLiveTurn, withLostTurn } from "./live-turn.ts";
import {
  continuesBranch,
  type Conversation,
  emptyConversation,
  isAnswerBranch,
  type Post,
  type State,
} from "./state.ts";
import { reduceSummary } from "./summary.ts";

type Conversations = State["conversations"];

/** Applies one event to the loaded conversations. */
export function reduceConversations(all: Conversations, event: PageEvent): Conversations {
  if (event.type === "thread.removed") {
    const { [event.id]: _, ...rest } = all;
    return rest;
  }
  if (event.type === "thread.changed") {
    const conversation = all[event.thread.id];
    if (conversation === undefined) return all;
    return { ...all, [conversation.id]: { ...conversation, thread: event.thread } };
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
      return withHistory(conversation, event.messages, event.hasMore);
    case "history.failed":
      // Loaded messages stay on screen; only an empty conversation shows the problem instead.
      if (conversation.phase === "ready" && !event.missing) return conversation;
      return { ...conversation, phase: event.missing ? "missing" : "failed", problem: event.problem };
    case "older.loading":
      return { ...conversation, older: "loading" };
    case "older.failed":
      return { ...conversation, older: "failed" };
    case "older.loaded":
      // The branch may have changed during the request: then the page belongs to another branch.
      if (conversation.messages[0]?.id !== event.before) return { ...conversation, older: "idle" };
      return {
        ...conversation,
        older: "idle",
        hasMore: event.hasMore,
        messages: [...event.messages, ...conversation.messages],
      };
    case "turn.accepted":
      return withAcceptedTurn(conversation, event.post, event.accepted, event.at);
    case "turn.joined":
      return withJoinedTurn(conversation, event.turn);
    case "turn.event":
      return applyTurnEvent(conversation, event.event, event.at);
    case "turn.connection":
      if (conversation.live?.turnId !== event.turnId || conversation.live.connection === event.connection)
        return conversation;
      return { ...conversation, live: { ...conversation.live, connection: event.connection } };
    case "turn.stopping":
      if (conversation.live === null) return conversation;
      return { ...conversation, live: { ...conversation.live, stopping: event.stopping } };
    case "turn.lost":
      return conversation.live?.turnId === event.turnId
        ? withLostTurn(conversation, conversation.live)
        : conversation;
    case "turn.settled":
      return withSettledTurn(conversation, event.turn);
    case "message.changed":
      return { ...conversation, messages: replace(conversation.messages, event.message) };
    case "summary.working":
    case "summary.loaded":
    case "summary.failed":
    case "summary.drafted":
      return { ...conversation, summary: reduceSummary(conversation.summary, event) };
    case "instructions.loaded":
      return { ...conversation, instructions: event.instructions };
    default:
      return conversation;
  }
}

function withHistory(conversation: Conversation, page: readonly Message[], hasMore: boolean): Conversation {
  const { live } = conversation;
  const messages = page.filter((message) => message.id !== live?.message.id);
  const first = messages[0];
  const overlap =
    first === undefined ? -1 : conversation.messages.findIndex((message) => message.id === first.id);
  // A refresh of the newest page keeps the older pages above it, so that the scroll position does not move.
  const older = overlap > 0 ? conversation.messages.slice(0, overlap) : [];
  return {
    ...conversation,
    phase: "ready",
    problem: null,
    older: "idle",
    hasMore: older.length > 0 ? conversation.hasMore : hasMore,
    messages: [...older, ...messages],
  };
}

function withAcceptedTurn(
  conversation: Conversation,
  post: Post,
  turn: AcceptedTurn,
  at: string,
): Conversation {
  if (conversation.live?.turnId === turn.id) return conversation;
  const { messages } = conversation;
  const { branch } = post;
  const cut =
    branch.type === "append" ? -1 : messages.findIndex((message) => message.id === branch.messageId);
  const target = cut < 0 ? undefined : messages[cut];
  const ancestors = cut < 0 ? messages : messages.slice(0, cut);
  const common = { thread_id: post.threadId, turn_id: turn.id, created_at: at };
  if (isAnswerBranch(branch)) {
    const parent = ancestors.at(-1)?.id ?? turn.user_message_id;
    const siblings = [...(target?.sibling_ids ?? []), turn.message_id];
    const answer = newMessage({
      ...common,
      id: turn.message_id,
      parent_id: parent,
      role: "assistant",
      sibling_ids: siblings,
    });
    return { ...conversation, phase: "ready", messages: ancestors, live: startLiveTurn(turn.id, answer) };
  }
  const user = newMessage({
    ...common,
    id: turn.user_message_id,
    parent_id: branch.type === "edit" ? branch.parentId : (ancestors.at(-1)?.id ?? null),
    role: "user",
    status: "complete",
    parts: [{ type: "text", text: post.text }],
    sibling_ids: [...(target?.sibling_ids ?? []), turn.user_message_id],
  });
  const sent = ancestors.some(({ id }) => id === user.id);
  const answer = newMessage({ ...common, id: turn.message_id, parent_id: user.id, role: "assistant" });
  return {
    ...conversation,
    phase: "ready",
    messages: sent ? ancestors.filter(({ id }) => id !== answer.id) : [...ancestors, user],
    live: startLiveTurn(turn.id, answer),
  };
}

/** Joins a turn that was running when the page opened. Its log is read from the start, so the partial text is dropped. */
function withJoinedTurn(conversation: Conversation, turn: Turn): Conversation {
  if (conversation.live?.turnId === turn.id) return conversation;
  return {
    ...conversation,
    messages: conversation.messages.filter((message) => message.id !== turn.message_id),
    live: startLiveTurn(turn.id, { ...turn.message, parts: [], status: "streaming" }),
  };
}

function withSettledTurn(conversation: Conversation, turn: Turn): Conversation {
  if (turn.status === "running") return conversation;
  const live = conversation.live?.turnId === turn.id ? null : conversation.live;
  const final = finalMessage(turn.message, turn);
  const shown = conversation.messages.some((message) => message.id === final.id);
  if (shown) return { ...conversation, live, messages: replace(conversation.messages, final) };
  if (!continuesBranch(final, conversation.messages)) return { ...conversation, live };
  return { ...conversation, live, messages: [...conversation.messages, final] };
}

function replace(messages: readonly Message[], message: Message): readonly Message[] {
  return messages.map((other) => (other.id === message.id ? message : other));
}

function newMessage(
  fields: Partial<Message> & Pick<Message, "id" | "thread_id" | "role" | "created_at">,
): Message {
  return {
    parent_id: null,
    status: "streaming",
    parts: [],
    turn_id: null,
    sibling_ids: [fields.id],
    model: null,
    usage: null,
    cost_usd: null,
    finish_reason: null,
    error: null,
    feedback: null,
    ...fields,
  };
}
