// The summary of a thread: loads it when it may have changed, and does what its reader asks.

import { emptySummary, type State, type SummaryWork } from "../state/state.ts";
import { factsOf, linesOf } from "../state/summary.ts";
import { errorMessage, isMissing } from "../transport/http.ts";
import type { Summary } from "../transport/protocol.ts";
import type { Dependencies } from "./dependencies.ts";

export type Summaries = ReturnType<typeof createSummaries>;

/** The newest messages are never compacted, so a thread with no more than these has no summary. */
const NEVER_COMPACTED = 20;
/** Compaction starts when a turn has ended; the summary is loaded this many milliseconds later. */
const COMPACTION_TIME = 3_000;

const NOTHING_TO_COMPACT = "Nothing to compact. The newest messages always stay word for word.";

/** Whether the thread may have a summary, so that loading it is worth a request. */
export function mayHaveSummary(state: State, threadId: string): boolean {
  const conversation = state.conversations[threadId];
  if (conversation === undefined) return false;
  const { messages, hasMore, summary } = conversation;
  const isOpen = state.panel?.type === "summary" && state.location.threadId === threadId;
  const exists = (summary.value?.id ?? null) !== null;
  return isOpen || exists || hasMore || messages.length > NEVER_COMPACTED;
}

export function createSummaries(dependencies: Dependencies) {
  const { api, store, sleep } = dependencies;
  const { viewOf, loaded, load, refresh, attempt } = createSummaryWork(dependencies);

  return {
    refresh,

    async show(threadId: string): Promise<void> {
      store.dispatch({ type: "panel.changed", panel: { type: "summary" } });
      if (viewOf(threadId).value !== null) return refresh(threadId);
      await attempt(threadId, "loading", "The summary could not be loaded.", () => load(threadId));
    },

    afterTurn: async (threadId: string): Promise<void> => {
      if (!mayHaveSummary(store.state, threadId)) return;
      await sleep(COMPACTION_TIME);
      await refresh(threadId);
    },

    async save(threadId: string): Promise<void> {
      const { draft } = viewOf(threadId);
      if (draft?.base == null) return;
      const { base } = draft;
      await attempt(threadId, "saving", "The summary could not be saved.", async () => {
        try {
          loaded(threadId, await api.correctSummary(threadId, base, linesOf(draft), factsOf(draft)), {
            saved: true,
          });
        } catch (error) {
          if (!isMissing(error)) throw error;
          // There is a newer version: the draft is applied to it and waits to be saved again.
          await load(threadId);
        }
      });
    },

    undo: (threadId: string) =>
      attempt(threadId, "undoing", "The summary could not be undone.", async () => {
        loaded(threadId, await api.undoSummary(threadId));
      }),

    async compact(threadId: string): Promise<void> {
      store.dispatch({ type: "panel.changed", panel: { type: "summary" } });
      await attempt(threadId, "compacting", "Older messages could not be compacted.", async () => {
        const before = viewOf(threadId).value ?? (await api.summary(threadId));
        const after = await api.compact(threadId);
        loaded(threadId, after, { outcome: after.id === before.id ? NOTHING_TO_COMPACT : null });
      });
    },
  };
}

/** Loading a summary and working on it, one thing at a time. */
function createSummaryWork({ api, store }: Dependencies) {
  const viewOf = (threadId: string) => store.state.conversations[threadId]?.summary ?? emptySummary;

  function loaded(
    threadId: string,
    summary: Summary,
    { saved = false, outcome = null }: { saved?: boolean; outcome?: string | null } = {},
  ): void {
    store.dispatch({ type: "summary.loaded", threadId, summary, saved, outcome });
  }

  async function load(threadId: string): Promise<void> {
    loaded(threadId, await api.summary(threadId));
  }

  /** Reloads the summary, unless there can be none or it is being changed. Reports a failure only if nothing is shown. */
  async function refresh(threadId: string): Promise<void> {
    if (!mayHaveSummary(store.state, threadId) || viewOf(threadId).work !== null) return;
    try {
      await load(threadId);
    } catch (error) {
      if (viewOf(threadId).value === null && !isMissing(error))
        store.dispatch({ type: "summary.failed", threadId, outcome: errorMessage(error) });
    }
  }

  async function attempt(
    threadId: string,
    work: SummaryWork,
    failure: string,
    act: () => Promise<void>,
  ): Promise<void> {
    if (viewOf(threadId).work !== null) return;
    store.dispatch({ type: "summary.working", threadId, work });
    try {
      await act();
    } catch (error) {
      store.dispatch({ type: "summary.failed", threadId, outcome: `${failure} ${errorMessage(error)}` });
    }
  }

  return { viewOf, loaded, load, refresh, attempt };
}
