import { visitConversation } from "./conversation.ts";
import type { PageEvent } from "./events.ts";
import { reduceList } from "./thread-list.ts";
import { reduceOutbox } from "./outbox.ts";
import type { Panel, Place, State } from "./state.ts";

/** The rules of the page: pure, total, and the only place where state changes. */
export function reduce(state: State, event: PageEvent): State {
  const list = reduceList(state.list, event, state.place.threadId);
  const conversations = visitConversation(state.conversations, event);
  const outbox = reduceOutbox(state.outbox, event);
  return reducePage({ ...state, list, conversations, outbox }, event);
}

function reducePage(state: State, event: PageEvent): State {
  switch (event.type) {
    case "info.loaded":
      return { ...state, info: event.info };
    case "access.changed":
      return { ...state, access: event.access };
    case "place.changed":
      return { ...state, place: event.place, panel: panelAt(state, event.place), alert: null };
    case "panel.changed":
      return { ...state, panel: event.panel };
    case "alert.raised":
      return { ...state, alert: { text: event.text, id: event.id } };
    case "alert.closed":
      return { ...state, alert: null };
    case "thread.removed":
      return state.place.threadId === event.id
        ? { ...state, place: { threadId: null, messageId: null }, panel: null }
        : state;
    case "turn.event":
      return { ...state, announcement: announcement(event.event.type) ?? state.announcement };
    default:
      return state;
  }
}

/** The summary stays open while its reader follows the sources; everything else closes. */
function panelAt({ panel, place }: State, next: Place): Panel | null {
  return panel?.type === "summary" && next.threadId === place.threadId ? panel : null;
}

/** Screen readers hear how a turn ended, never each token. */
function announcement(type: string): string | null {
  if (type === "turn.started") return "Answering";
  if (type === "turn.completed") return "Answer finished";
  if (type === "turn.failed") return "The answer failed";
  if (type === "turn.cancelled") return "The answer was stopped";
  return null;
}
