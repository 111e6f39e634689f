// What a reader does with a thread: open it, move in it, change it, rate its answers, delete it.

import { forgetDrafts } from "../storage/drafts.ts";
import type { ThreadChange } from "../transport/api.ts";
import type { Message, Rating } from "../transport/protocol.ts";
import { attempt, type Dependencies } from "./dependencies.ts";
import { createHistory, type HistoryEvents } from "./history.ts";
import { createLoadAll, createSeek } from "./seek.ts";
import { createThreadList } from "./thread-list.ts";

export type Threads = ReturnType<typeof createThreads>;

export function createThreads(dependencies: Dependencies, events: Omit<HistoryEvents, "markRead">) {
  const { api, store } = dependencies;
  const markRead = (threadId: string) => change(threadId, { read: true });
  const history = createHistory(dependencies, { ...events, markRead });
  const { open, older, switchBranch } = history;
  const seek = createSeek(dependencies, history);
  const loadAll = createLoadAll(dependencies, history);

  async function change(threadId: string, fields: ThreadChange): Promise<boolean> {
    return attempt(dependencies, "Could not save the change.", async () => {
      store.dispatch({ type: "thread.changed", thread: await api.changeThread(threadId, fields) });
      dependencies.notifyTabs(threadId);
    });
  }

  return {
    ...createThreadList(dependencies),
    open,
    older,
    seek,
    loadAll,
    change,

    /** Prints the conversation with all its messages. */
    async print(threadId: string): Promise<void> {
      await loadAll(threadId);
      dependencies.print();
    },

    /** Switches to the branch of a sibling message and loads that message. */
    async branch(message: Message, siblingId: string): Promise<void> {
      if (await switchBranch(message.thread_id, siblingId)) await seek(message.thread_id, siblingId);
    },

    async remove(threadId: string): Promise<void> {
      await attempt(dependencies, "Could not delete.", async () => {
        await api.deleteThread(threadId);
        const isOpen = store.state.location.threadId === threadId;
        store.dispatch({ type: "thread.removed", id: threadId });
        forgetDrafts(dependencies.storage, threadId);
        if (isOpen) dependencies.navigate({ threadId: null, messageId: null }, "replace");
        dependencies.notifyTabs(threadId);
      });
    },

    async rate(message: Message, rating: Rating | null): Promise<void> {
      store.dispatch({ type: "message.changed", message: { ...message, feedback: rating } });
      const saved = await attempt(dependencies, "Could not save the rating.", async () => {
        await api.rate(message.id, rating);
      });
      if (!saved) store.dispatch({ type: "message.changed", message });
    },
  };
}
