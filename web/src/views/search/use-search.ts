import { useEffect, useState } from "preact/hooks";
import { errorMessage } from "../../transport/http.ts";
import type { SearchResult, Thread } from "../../transport/protocol.ts";
import { useActions } from "../hooks/actions-context.ts";

export interface SearchResults {
  readonly query: string;
  readonly threads: readonly Thread[];
  readonly messages: readonly SearchResult[];
  readonly problem: string | null;
}

/** The search starts after this pause in typing, in milliseconds. */
const TYPING_PAUSE = 160;
const MAX_THREADS = 6;

/** Searches titles and messages. The last results stay until the next ones have arrived. */
export function useSearch(query: string): SearchResults | null {
  const { api } = useActions();
  const [results, setResults] = useState<SearchResults | null>(null);
  useEffect(() => {
    if (query === "") return;
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const [threads, messages] = await Promise.allSettled([
        api.threads({ archived: false, q: query }),
        api.search(query),
      ]);
      if (!isCurrent) return;
      const failure =
        threads.status === "rejected" ? threads : messages.status === "rejected" ? messages : null;
      setResults({
        query,
        threads: threads.status === "fulfilled" ? threads.value.threads.slice(0, MAX_THREADS) : [],
        messages: messages.status === "fulfilled" ? messages.value.results : [],
        problem: failure === null ? null : errorMessage(failure.reason),
      });
    }, TYPING_PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [query, api]);
  return results;
}
