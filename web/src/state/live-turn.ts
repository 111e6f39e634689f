// The running turn: each event of its stream changes the answer that is shown.

import type { Message, MessageStatus, Turn, TurnEvent } from "../transport/protocol.ts";
import { type Conversation, continuesBranch, type LivePart, type LiveTurn } from "./state.ts";
import { applyNote } from "./turn-notes.ts";

export function startLiveTurn(turnId: string, message: Message): LiveTurn {
  return { turnId, seq: 0, message, parts: [], connection: "open", stopping: false, activity: null };
}

/** Applies one event to the running turn. Repeated events, and events of another turn, change nothing. */
export function applyTurnEvent(conversation: Conversation, event: TurnEvent, at: number): Conversation {
  const { live } = conversation;
  if (live === null || event.seq <= live.seq) return conversation;
  if (event.turn_id !== undefined && event.turn_id !== live.turnId) return conversation;
  const next: LiveTurn = { ...live, seq: event.seq, connection: "open" };
  switch (event.type) {
    case "part.started":
      return withParts(conversation, { ...next, activity: null }, [...next.parts, newPart(event, at)]);
    case "part.delta": {
      const append = (part: LivePart) => ({ ...part, text: (part.text ?? "") + event.text });
      return withParts(conversation, next, changePart(next.parts, event.part_id, append));
    }
    case "part.ended": {
      const end = (part: LivePart) => ({
        ...part,
        ended: true,
        seconds: event.seconds ?? Math.round((at - part.startedAt) / 1000),
        ...(event.result === undefined ? {} : { result: event.result }),
      });
      return withParts(conversation, next, changePart(next.parts, event.part_id, end));
    }
    case "note":
      return applyNote(conversation, next, event.name, event.data);
    case "turn.completed": {
      const finish_reason = event.finish_reason ?? null;
      return endTurn(conversation, next, "complete", { usage: event.usage ?? null, finish_reason });
    }
    case "turn.failed": {
      const status = event.error.code === "interrupted" ? "interrupted" : "failed";
      return endTurn(conversation, next, status, { usage: event.usage ?? null, error: event.error });
    }
    case "turn.cancelled":
      return endTurn(conversation, next, "cancelled", { usage: event.usage ?? null });
    default:
      return { ...conversation, live: next };
  }
}

/** Ends a running turn of which nothing more can be read: what arrived stays. */
export function withLostTurn(conversation: Conversation, live: LiveTurn): Conversation {
  return endTurn(conversation, live, "interrupted", {});
}

/** The stored message of a turn. Where its status is still streaming, it gets the status of the finished turn. */
export function finalMessage(message: Message, turn: Turn): Message {
  if (message.status !== "streaming") return message;
  const status: MessageStatus =
    turn.status === "completed"
      ? "complete"
      : turn.status === "cancelled"
        ? "cancelled"
        : turn.error?.code === "interrupted"
          ? "interrupted"
          : "failed";
  return { ...message, status, error: message.error ?? turn.error, usage: message.usage ?? turn.usage };
}

function newPart(event: TurnEvent & { readonly type: "part.started" }, at: number): LivePart {
  return {
    part_id: event.part_id,
    type: event.kind,
    text: "",
    startedAt: at,
    ended: false,
    ...(event.name === undefined ? {} : { name: event.name }),
    ...(event.input === undefined ? {} : { input: event.input }),
  };
}

function withParts(conversation: Conversation, live: LiveTurn, parts: readonly LivePart[]): Conversation {
  return { ...conversation, live: { ...live, parts, message: { ...live.message, parts } } };
}

/** Parts do not interleave: text of a part whose start is missing belongs to the last part. */
function changePart(
  parts: readonly LivePart[],
  id: string,
  edit: (part: LivePart) => LivePart,
): readonly LivePart[] {
  const known = parts.findLastIndex((part) => part.part_id === id);
  const index = known < 0 ? parts.length - 1 : known;
  return parts.map((part, at) => (at === index ? edit(part) : part));
}

function endTurn(
  conversation: Conversation,
  live: LiveTurn,
  status: MessageStatus,
  result: Partial<Pick<Message, "usage" | "finish_reason" | "error">>,
): Conversation {
  const message: Message = { ...live.message, ...result, status };
  const messages = continuesBranch(message, conversation.messages)
    ? [...conversation.messages, message]
    : conversation.messages;
  return { ...conversation, messages, live: null };
}
