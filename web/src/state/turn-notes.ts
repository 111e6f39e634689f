// What the notes of a running turn change: the route, the activity line, and reasoning that is discarded.

import { capitalize, outcomeLabel } from "../format/call-outcomes.ts";
import type { JsonObject } from "../transport/protocol.ts";
import type { Conversation, LiveTurn, Route } from "./state.ts";

/** Applies one note. Notes of a newer server, which are unknown here, change nothing. */
export function applyNote(
  conversation: Conversation,
  live: LiveTurn,
  name: string,
  data: JsonObject,
): Conversation {
  const reason = textOrNull(data["reason"]);
  const show = (activity: string) => ({ ...conversation, live: { ...live, activity } });
  switch (name) {
    case "route":
      return routed(conversation, live, data);
    case "cascade":
      return show(withReason("Asking a better model", reason));
    case "retry":
      return show(withReason("Trying again", reason === null ? null : outcomeLabel(reason)));
    case "fallback":
      return show(withReason("Asking another model", reason));
    case "queue": {
      const position = data["position"];
      return show(
        `Waiting for a free slot${typeof position === "number" ? `: queue position ${position}` : ""}`,
      );
    }
    case "budget":
      return reason === null ? { ...conversation, live } : limited(conversation, live, reason);
    case "discard":
      return discarded(conversation, live, data["part_ids"]);
    default:
      return { ...conversation, live };
  }
}

function routed(conversation: Conversation, live: LiveTurn, data: JsonObject): Conversation {
  const route: Route = {
    model: textOrNull(data["model"]),
    tier: textOrNull(data["tier"]),
    reason: textOrNull(data["reason"]),
  };
  const message = { ...live.message, model: route.model ?? live.message.model };
  return withRoute({ ...conversation, live: { ...live, message } }, message.id, route);
}

/** A budget limits the answer. Its reason is added to that of the route. */
function limited(conversation: Conversation, live: LiveTurn, reason: string): Conversation {
  const route = conversation.routes[live.message.id] ?? { model: null, tier: null, reason: null };
  const reasons = route.reason === null ? reason : `${route.reason}; ${reason}`;
  const next = { ...conversation, live: { ...live, activity: capitalize(reason) } };
  return withRoute(next, live.message.id, { ...route, reason: reasons });
}

/** Another model replaces the answer: the reasoning of the first attempt goes. */
function discarded(conversation: Conversation, live: LiveTurn, partIds: unknown): Conversation {
  if (!Array.isArray(partIds)) return { ...conversation, live };
  const parts = live.parts.filter((part) => !partIds.includes(part.part_id));
  return { ...conversation, live: { ...live, parts, message: { ...live.message, parts } } };
}

function withRoute(conversation: Conversation, messageId: string, route: Route): Conversation {
  return { ...conversation, routes: { ...conversation.routes, [messageId]: route } };
}

function withReason(activity: string, reason: string | null): string {
  return reason === null ? activity : `${activity}: ${reason}`;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
