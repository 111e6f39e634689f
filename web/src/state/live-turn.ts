import { capital, outcomeWords } from "../format/call-outcomes.ts";
import type { Message, MessageStatus, Turn, TurnEvent } from "../transport/protocol.ts";
import { belongs, type Conversation, type Live, type LivePart, type Route } from "./state.ts";

export function startLive(turnId: string, message: Message): Live {
  return { turnId, seq: 0, message, parts: [], connection: "open", stopping: false, activity: null };
}

/** Folds one event into the running turn. Events already seen, or of another turn, change nothing. */
export function growLive(conversation: Conversation, event: TurnEvent, at: number): Conversation {
  const { live } = conversation;
  if (live === null || event.seq <= live.seq) return conversation;
  if (event.turn_id !== undefined && event.turn_id !== live.turnId) return conversation;
  const next: Live = { ...live, seq: event.seq, connection: "open" };
  switch (event.type) {
    case "turn.started":
      return withLive(conversation, {
        ...next,
        message: { ...next.message, model: event.model ?? next.message.model },
      });
    case "part.started": {
      const part: LivePart = {
        part_id: event.part_id,
        type: event.kind,
        text: "",
        startedAt: at,
        ended: false,
        ...(event.name === undefined ? {} : { name: event.name }),
        ...(event.input === undefined ? {} : { input: event.input }),
      };
      return withParts(conversation, { ...next, activity: null }, [...next.parts, part]);
    }
    case "part.delta":
      return withParts(
        conversation,
        next,
        changed(next.parts, event.part_id, (part) => ({
          ...part,
          text: (part.text ?? "") + event.text,
        })),
      );
    case "part.ended":
      return withParts(
        conversation,
        next,
        changed(next.parts, event.part_id, (part) => ({
          ...part,
          ended: true,
          seconds: event.seconds ?? Math.round((at - part.startedAt) / 1000),
          ...(event.result === undefined ? {} : { result: event.result }),
        })),
      );
    case "note":
      return noted(conversation, next, event.name, event.data);
    case "turn.completed":
      return ended(conversation, next, "complete", {
        usage: event.usage ?? null,
        finish_reason: event.finish_reason ?? null,
      });
    case "turn.failed":
      return ended(conversation, next, event.error.code === "interrupted" ? "interrupted" : "failed", {
        usage: event.usage ?? null,
        error: event.error,
      });
    case "turn.cancelled":
      return ended(conversation, next, "cancelled", { usage: event.usage ?? null });
    default:
      return withLive(conversation, next);
  }
}

/** The stored message of a finished turn; a status that lags behind its turn is brought up to it. */
export function settledMessage(message: Message, turn: Turn): Message {
  if (turn.status === "running" || message.status !== "streaming") return message;
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

function withLive(conversation: Conversation, live: Live): Conversation {
  return { ...conversation, live };
}

function withParts(conversation: Conversation, live: Live, parts: readonly LivePart[]): Conversation {
  return withLive(conversation, { ...live, parts, message: { ...live.message, parts } });
}

/** Parts do not interleave: text for a part we never saw opened belongs to the last one. */
function changed(
  parts: readonly LivePart[],
  id: string,
  edit: (part: LivePart) => LivePart,
): readonly LivePart[] {
  const found = parts.findLastIndex((part) => part.part_id === id);
  const index = found < 0 ? parts.length - 1 : found;
  return parts.map((part, at) => (at === index ? edit(part) : part));
}

function noted(
  conversation: Conversation,
  live: Live,
  name: string,
  data: Readonly<Record<string, unknown>>,
): Conversation {
  if (name === "route") {
    const route: Route = {
      model: word(data["model"]),
      tier: word(data["tier"]),
      reason: word(data["reason"]),
    };
    const message = { ...live.message, model: route.model ?? live.message.model };
    const routes = { ...conversation.routes, [live.message.id]: route };
    return { ...conversation, routes, live: { ...live, message } };
  }
  if (name === "cascade") {
    const reason = word(data["reason"]);
    return withLive(conversation, {
      ...live,
      activity: reason === null ? "Asking a better model" : `Asking a better model: ${reason}`,
    });
  }
  if (name === "retry") {
    const reason = word(data["reason"]);
    return withLive(conversation, {
      ...live,
      activity: reason === null ? "Trying again" : `Trying again: ${outcomeWords(reason)}`,
    });
  }
  if (name === "queue") {
    const position = data["position"];
    const place = typeof position === "number" ? `: number ${position} in the queue` : "";
    return withLive(conversation, { ...live, activity: `Waiting for a free place${place}` });
  }
  if (name === "budget") {
    const reason = word(data["reason"]);
    if (reason === null) return withLive(conversation, live);
    // A cheaper model has a route of its own; a shorter answer of the same model is told beside the one it has.
    const known = conversation.routes[live.message.id] ?? { model: null, tier: null, reason: null };
    const route: Route = { ...known, reason: known.reason === null ? reason : `${known.reason}; ${reason}` };
    const routes = { ...conversation.routes, [live.message.id]: route };
    return withLive({ ...conversation, routes }, { ...live, activity: capital(reason) });
  }
  if (name === "discard") {
    // What was thought for an answer that another one took the place of.
    const gone = data["part_ids"];
    if (!Array.isArray(gone)) return withLive(conversation, live);
    return withParts(
      conversation,
      live,
      live.parts.filter((part) => !gone.includes(part.part_id)),
    );
  }
  if (name === "fallback") {
    const reason = word(data["reason"]);
    return withLive(conversation, {
      ...live,
      activity: `Asking another model${reason === null ? "" : `: ${reason}`}`,
    });
  }
  return withLive(conversation, live);
}

function word(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function ended(
  conversation: Conversation,
  live: Live,
  status: MessageStatus,
  facts: Partial<Pick<Message, "usage" | "finish_reason" | "error">>,
): Conversation {
  const message: Message = { ...live.message, ...facts, status };
  const messages = belongs(message, conversation.messages)
    ? [...conversation.messages, message]
    : conversation.messages;
  return { ...conversation, messages, live: null };
}
