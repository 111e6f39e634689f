// Loads the thread list, page by page.

import { errorMessage } from "../transport/http.ts";
import { attempt, type Dependencies } from "./dependencies.ts";

export function createThreadList(dependencies: Dependencies) {
  const { api, store } = dependencies;

  async function load(archived: boolean, cursor?: string): Promise<void> {
    const page = await api.threads(cursor === undefined ? { archived } : { archived, cursor });
    store.dispatch({
      type: "list.loaded",
      archived,
      threads: page.threads,
      cursor: page.next_cursor,
      append: cursor !== undefined,
    });
  }

  return {
    async list(archived = store.state.list.archived): Promise<void> {
      store.dispatch({ type: "list.loading", archived });
      try {
        await load(archived);
      } catch (error) {
        store.dispatch({ type: "list.failed", problem: errorMessage(error) });
      }
    },

    async moreThreads(): Promise<void> {
      const { archived, cursor } = store.state.list;
      if (cursor === null) return;
      await attempt(dependencies, "Could not load more.", () => load(archived, cursor));
    },
  };
}
