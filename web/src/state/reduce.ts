import { reduceConversations } from "./conversation.ts";
import type { PageEvent } from "./events.ts";
import { reduceThreadList } from "./thread-list.ts";
import { holdQueue, reduceOutbox } from "./outbox.ts";
import type { Panel, PageLocation, State } from "./state.ts";

/** Applies one event to the state of the page. Pure, and the only place where state changes. */
export function reduce(state: State, event: PageEvent): State {
  const list = reduceThreadList(state.list, event, state.location.threadId);
  const conversations = reduceConversations(state.conversations, event);
  const outbox = reduceOutbox(holdQueue(state.outbox, event, state.conversations), event);
  return reducePage({ ...state, list, conversations, outbox }, event);
}

function reducePage(state: State, event: PageEvent): State {
  switch (event.type) {
    case "info.loaded":
      return { ...state, info: event.info };
    case "access.changed":
      return { ...state, access: event.access };
    case "location.changed":
      return { ...state, location: event.location, panel: panelAt(state, event.location), alert: null };
    case "panel.changed":
      return { ...state, panel: event.panel };
    case "alert.raised":
      return { ...state, alert: { text: event.text, id: event.id, threadId: event.about ?? null } };
    case "alert.closed":
      return { ...state, alert: null };
    case "thread.removed":
      return state.location.threadId === event.id
        ? { ...state, location: { threadId: null, messageId: null }, panel: null }
        : state;
    case "turn.event":
      return { ...state, announcement: announcement(event.event.type) ?? state.announcement };
    default:
      return state;
  }
}

/** The summary stays open within its thread, so that the reader can follow its sources. Any other panel closes. */
function panelAt({ panel, location }: State, next: PageLocation): Panel | null {
  return panel?.type === "summary" && next.threadId === location.threadId ? panel : null;
}

/** Screen readers announce how a turn starts and ends, not its tokens. */
function announcement(type: string): string | null {
  if (type === "turn.started") return "Answering";
  if (type === "turn.completed") return "Answer finished";
  if (type === "turn.failed") return "The answer failed";
  if (type === "turn.cancelled") return "The answer was stopped";
  return null;
}
