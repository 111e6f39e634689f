// Loads the messages of a thread: its newest page, older pages, and other branches.

import type { Message, Thread } from "../transport/protocol.ts";
import { errorMessage, isMissing } from "../transport/http.ts";
import { attempt, type Dependencies } from "./dependencies.ts";

const PAGE = 50;

export interface HistoryEvents {
  /** Joins a turn that is running. */
  readonly attach: (turnId: string) => Promise<void>;
  readonly markRead: (threadId: string) => Promise<unknown>;
  readonly refreshSummary: (threadId: string) => Promise<void>;
  readonly refreshInstructions: (thread: Thread) => Promise<void>;
}

export type History = ReturnType<typeof createHistory>;

export function createHistory(dependencies: Dependencies, events: HistoryEvents) {
  const { api, store } = dependencies;

  function loaded(threadId: string, page: { messages: Message[]; has_more: boolean }, thread: Thread): void {
    store.dispatch({ type: "history.loaded", threadId, messages: page.messages, hasMore: page.has_more });
    store.dispatch({ type: "thread.changed", thread });
    void events.refreshSummary(threadId);
    void events.refreshInstructions(thread);
  }

  /** Loads or refreshes a thread, and joins its running turn. */
  async function open(threadId: string): Promise<void> {
    store.dispatch({ type: "history.loading", threadId });
    try {
      const [thread, page] = await Promise.all([
        api.thread(threadId),
        api.messages(threadId, { limit: PAGE }),
      ]);
      loaded(threadId, page, thread);
      if (thread.running_turn_id !== null) await events.attach(thread.running_turn_id);
      if (thread.unread) await events.markRead(threadId);
    } catch (error) {
      // A thread that its first post is about to create is not missing.
      if (store.state.outbox.some((post) => post.threadId === threadId)) return;
      const problem = errorMessage(error);
      store.dispatch({ type: "history.failed", threadId, problem, missing: isMissing(error) });
    }
  }

  /** Loads the page before the first message; false when there is none or it failed. */
  async function older(threadId: string, limit = PAGE): Promise<boolean> {
    const conversation = store.state.conversations[threadId];
    const before = conversation?.messages[0]?.id;
    if (before === undefined || !conversation?.hasMore || conversation.older === "loading") return false;
    store.dispatch({ type: "older.loading", threadId });
    try {
      const { messages, has_more: hasMore } = await api.messages(threadId, { limit, before });
      store.dispatch({ type: "older.loaded", threadId, before, messages, hasMore });
      return messages.length > 0;
    } catch {
      store.dispatch({ type: "older.failed", threadId });
      return false;
    }
  }

  function switchBranch(threadId: string, messageId: string): Promise<boolean> {
    return attempt(dependencies, "Could not change the branch.", async () => {
      const thread = await api.changeThread(threadId, { leaf_id: messageId });
      loaded(threadId, await api.messages(threadId, { limit: PAGE }), thread);
      dependencies.notifyTabs(threadId);
    });
  }

  return { open, older, switchBranch };
}
