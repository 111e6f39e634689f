// Opening, reading on, moving between branches, and keeping the list in order.

import type { ThreadChange } from "../transport/api.ts";
import type { Message, Rating } from "../transport/protocol.ts";
import { attempt, isMissing, reasonOf, type World } from "./dependencies.ts";

export type Threads = ReturnType<typeof createThreads>;

const PAGE = 50;
/** Pages are larger while looking for one message far up. */
const SEEK_PAGE = 200;
const SEEK_PAGES = 100;

export function createThreads(
  world: World,
  attach: (turnId: string) => Promise<void>,
  resummarise: (threadId: string) => Promise<void>,
) {
  const { api, store } = world;

  async function list(archived = store.state.list.archived): Promise<void> {
    store.dispatch({ type: "list.loading", archived });
    try {
      const page = await api.threads({ archived });
      store.dispatch({
        type: "list.loaded",
        archived,
        threads: page.threads,
        cursor: page.next_cursor,
        append: false,
      });
    } catch (error) {
      store.dispatch({ type: "list.failed", problem: reasonOf(error) });
    }
  }

  async function moreThreads(): Promise<void> {
    const { archived, cursor } = store.state.list;
    if (cursor === null) return;
    await attempt(world, "Could not load more.", async () => {
      const page = await api.threads({ archived, cursor });
      store.dispatch({
        type: "list.loaded",
        archived,
        threads: page.threads,
        cursor: page.next_cursor,
        append: true,
      });
    });
  }

  /** Loads or refreshes a thread; a turn that runs in it is joined. */
  async function open(threadId: string): Promise<void> {
    store.dispatch({ type: "history.loading", threadId });
    try {
      const [thread, page] = await Promise.all([
        api.thread(threadId),
        api.messages(threadId, { limit: PAGE }),
      ]);
      store.dispatch({ type: "history.loaded", threadId, messages: page.messages, hasMore: page.has_more });
      store.dispatch({ type: "thread.changed", thread });
      void resummarise(threadId);
      if (thread.running_turn_id !== null) await attach(thread.running_turn_id);
      if (thread.unread) await change(threadId, { read: true });
    } catch (error) {
      // A thread that is being created by its first post is not missing.
      if (store.state.outbox.some((post) => post.threadId === threadId)) return;
      store.dispatch({
        type: "history.failed",
        threadId,
        problem: reasonOf(error),
        missing: isMissing(error),
      });
    }
  }

  async function older(threadId: string, limit = PAGE): Promise<boolean> {
    const conversation = store.state.conversations[threadId];
    const before = conversation?.messages[0]?.id;
    if (before === undefined || !conversation?.hasMore || conversation.older === "loading") return false;
    store.dispatch({ type: "older.loading", threadId });
    try {
      const page = await api.messages(threadId, { limit, before });
      store.dispatch({
        type: "older.loaded",
        threadId,
        before,
        messages: page.messages,
        hasMore: page.has_more,
      });
      return page.messages.length > 0;
    } catch {
      store.dispatch({ type: "older.failed", threadId });
      return false;
    }
  }

  function loaded(threadId: string, messageId: string): boolean {
    return store.state.conversations[threadId]?.messages.some(({ id }) => id === messageId) ?? false;
  }

  /** Loads upward until the message is there; on another branch, that branch is taken. */
  async function seek(threadId: string, messageId: string): Promise<boolean> {
    for (let branch = 0; branch < 2; branch++) {
      for (let page = 0; page < SEEK_PAGES && !loaded(threadId, messageId); page++)
        if (!(await older(threadId, SEEK_PAGE))) break;
      if (loaded(threadId, messageId)) return true;
      if (branch === 0 && !(await moveTo(threadId, messageId))) return false;
    }
    return false;
  }

  function moveTo(threadId: string, messageId: string): Promise<boolean> {
    return attempt(world, "Could not change the branch.", async () => {
      const thread = await api.changeThread(threadId, { leaf_id: messageId });
      const page = await api.messages(threadId, { limit: PAGE });
      store.dispatch({ type: "history.loaded", threadId, messages: page.messages, hasMore: page.has_more });
      store.dispatch({ type: "thread.changed", thread });
      void resummarise(threadId);
      world.tell(threadId);
    });
  }

  async function change(threadId: string, wanted: ThreadChange): Promise<boolean> {
    return attempt(world, "Could not save the change.", async () => {
      store.dispatch({ type: "thread.changed", thread: await api.changeThread(threadId, wanted) });
      world.tell(threadId);
    });
  }

  return {
    list,
    moreThreads,
    open,
    older,
    seek,
    change,

    /** Shows the branch of a sibling message, with the sibling itself on screen. */
    async branch(message: Message, siblingId: string): Promise<void> {
      if (await moveTo(message.thread_id, siblingId)) await seek(message.thread_id, siblingId);
    },

    async remove(threadId: string): Promise<void> {
      await attempt(world, "Could not delete.", async () => {
        await api.deleteThread(threadId);
        const here = store.state.place.threadId === threadId;
        store.dispatch({ type: "thread.removed", id: threadId });
        if (here) world.go({ threadId: null, messageId: null }, "replace");
        world.tell(threadId);
      });
    },

    async rate(message: Message, rating: Rating | null): Promise<void> {
      store.dispatch({ type: "message.changed", message: { ...message, feedback: rating } });
      const done = await attempt(world, "Could not save the rating.", async () => {
        await api.rate(message.id, rating);
      });
      if (!done) store.dispatch({ type: "message.changed", message });
    },
  };
}
