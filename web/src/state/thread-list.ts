import { isTerminal, type Thread } from "../transport/protocol.ts";
import type { PageEvent } from "./events.ts";
import type { ThreadList } from "./state.ts";

/** Applies one event to the thread list. `open` is the thread on screen, whose answers count as read. */
export function reduceThreadList(list: ThreadList, event: PageEvent, open: string | null): ThreadList {
  switch (event.type) {
    case "list.loading":
      if (event.archived === list.archived)
        return { ...list, phase: list.phase === "ready" ? "ready" : "loading" };
      return { threads: [], archived: event.archived, cursor: null, phase: "loading", problem: null };
    case "list.loaded": {
      if (event.archived !== list.archived) return list;
      const threads = event.append ? merge(list.threads, event.threads) : keepOlderPages(list, event.threads);
      return { ...list, threads, cursor: event.cursor, phase: "ready", problem: null };
    }
    case "list.failed":
      return { ...list, phase: list.threads.length > 0 ? "ready" : "failed", problem: event.problem };
    case "thread.changed":
      if (event.thread.archived !== list.archived) return without(list, event.thread.id);
      return { ...list, threads: newestFirst(merge([event.thread], list.threads)) };
    case "thread.removed":
      return without(list, event.id);
    case "turn.accepted":
      return change(list, event.post.threadId, (thread) => ({
        ...thread,
        running_turn_id: event.accepted.id,
        updated_at: event.at,
      }));
    case "turn.lost":
      return change(list, event.threadId, (thread) =>
        thread.running_turn_id === event.turnId ? { ...thread, running_turn_id: null } : thread,
      );
    case "turn.event": {
      const { event: turnEvent, threadId } = event;
      if (
        turnEvent.type === "note" &&
        turnEvent.name === "title" &&
        typeof turnEvent.data["title"] === "string"
      ) {
        const title = turnEvent.data["title"];
        return change(list, threadId, (thread) => ({ ...thread, title }));
      }
      if (!isTerminal(turnEvent)) return list;
      return change(list, threadId, (thread) =>
        isOther(thread.running_turn_id, turnEvent.turn_id)
          ? thread
          : { ...thread, running_turn_id: null, unread: threadId !== open },
      );
    }
    default:
      return list;
  }
}

/** Whether another turn than the one of an event runs. The end of an earlier turn, read late, must not end it. */
function isOther(running: string | null, turnId: string | undefined): boolean {
  return running !== null && turnId !== undefined && running !== turnId;
}

/** Joins two lists; of a thread in both, the first one stays. */
function merge(first: readonly Thread[], second: readonly Thread[]): readonly Thread[] {
  const ids = new Set(first.map((thread) => thread.id));
  return [...first, ...second.filter((thread) => !ids.has(thread.id))];
}

/** A refresh of the first page keeps the older pages below it. */
function keepOlderPages(list: ThreadList, page: readonly Thread[]): readonly Thread[] {
  const oldest = page.at(-1)?.updated_at;
  if (oldest === undefined || list.threads.length <= page.length) return page;
  return merge(
    page,
    list.threads.filter((thread) => thread.updated_at < oldest),
  );
}

function without(list: ThreadList, id: string): ThreadList {
  const threads = list.threads.filter((thread) => thread.id !== id);
  return threads.length === list.threads.length ? list : { ...list, threads };
}

function change(list: ThreadList, id: string, edit: (thread: Thread) => Thread): ThreadList {
  if (!list.threads.some((thread) => thread.id === id)) return list;
  const threads = list.threads.map((thread) => (thread.id === id ? edit(thread) : thread));
  return { ...list, threads: newestFirst(threads) };
}

function newestFirst(threads: readonly Thread[]): readonly Thread[] {
  return threads.toSorted((a, b) => (a.updated_at < b.updated_at ? 1 : a.updated_at > b.updated_at ? -1 : 0));
}
