// Loads one message, at any distance and on any branch.

import type { Dependencies } from "./dependencies.ts";
import type { History } from "./history.ts";

/** Larger than the pages that a reader scrolls through. */
const PAGE = 200;
const MAX_PAGES = 100;
const MAX_FAILURES = 8;
/** In milliseconds. */
const RETRY_DELAY = 250;

/** Loads all older messages of a thread; false when some could not be loaded. */
export function createLoadAll({ store, sleep }: Dependencies, { older }: History) {
  return async function loadAll(threadId: string): Promise<boolean> {
    for (let page = 0, failures = 0; page < MAX_PAGES && failures < MAX_FAILURES; page++) {
      if (store.state.conversations[threadId]?.hasMore !== true) return true;
      if (await older(threadId, PAGE)) continue;
      // It failed, or the list is loading a page just now.
      failures++;
      await sleep(RETRY_DELAY);
    }
    return store.state.conversations[threadId]?.hasMore !== true;
  };
}

export function createSeek({ store }: Dependencies, { older, switchBranch }: History) {
  function isLoaded(threadId: string, messageId: string): boolean {
    return store.state.conversations[threadId]?.messages.some(({ id }) => id === messageId) ?? false;
  }

  /** Loads older pages until the message is there. If it is on another branch, switches to that branch. */
  return async function seek(threadId: string, messageId: string): Promise<boolean> {
    for (let branch = 0; branch < 2; branch++) {
      for (let page = 0; page < MAX_PAGES && !isLoaded(threadId, messageId); page++)
        if (!(await older(threadId, PAGE))) break;
      if (isLoaded(threadId, messageId)) return true;
      if (branch === 0 && !(await switchBranch(threadId, messageId))) return false;
    }
    return false;
  };
}
