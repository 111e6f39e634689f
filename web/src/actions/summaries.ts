// The summary of a thread: reading it when it may have changed, and what its reader does to it.

import type { Summary } from "../transport/protocol.ts";
import { noSummary, type State, type SummaryWork } from "../state/state.ts";
import { linesOf } from "../state/summary.ts";
import { isMissing, reasonOf, type World } from "./dependencies.ts";

export type Summaries = ReturnType<typeof createSummaries>;

/** The newest messages are never folded, so a thread with no more than these has no summary. */
const NEVER_FOLDED = 20;
/** Folding begins when a turn has ended: the summary is looked at this many milliseconds later. */
const FOLD_TIME = 3_000;

const NOTHING_TO_FOLD = "Nothing more was summarised. The newest messages always stay word for word.";

/** Whether asking for the summary can bring something. */
export function isWorthAsking(state: State, threadId: string): boolean {
  const conversation = state.conversations[threadId];
  if (conversation === undefined) return false;
  const { messages, hasMore, summary } = conversation;
  const open = state.panel?.type === "summary" && state.place.threadId === threadId;
  const known = (summary.value?.id ?? null) !== null;
  return open || known || hasMore || messages.length > NEVER_FOLDED;
}

export function createSummaries(world: World) {
  const { api, store } = world;

  const viewOf = (threadId: string) => store.state.conversations[threadId]?.summary ?? noSummary;

  function loaded(threadId: string, summary: Summary, saved = false, outcome: string | null = null): void {
    store.dispatch({ type: "summary.loaded", threadId, summary, saved, outcome });
  }

  async function read(threadId: string): Promise<void> {
    loaded(threadId, await api.summary(threadId));
  }

  /** Reads it again unless that is pointless or something else is under way; a failure shows where the summary shows. */
  async function refresh(threadId: string): Promise<void> {
    if (!isWorthAsking(store.state, threadId) || viewOf(threadId).work !== null) return;
    try {
      await read(threadId);
    } catch (error) {
      if (viewOf(threadId).value === null && !isMissing(error))
        store.dispatch({ type: "summary.failed", threadId, outcome: reasonOf(error) });
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
      store.dispatch({ type: "summary.failed", threadId, outcome: `${failure} ${reasonOf(error)}` });
    }
  }

  return {
    refresh,

    async show(threadId: string): Promise<void> {
      store.dispatch({ type: "panel.changed", panel: { type: "summary" } });
      if (viewOf(threadId).value !== null) return refresh(threadId);
      await attempt(threadId, "loading", "The summary could not be loaded.", () => read(threadId));
    },

    async afterTurn(threadId: string): Promise<void> {
      if (!isWorthAsking(store.state, threadId)) return;
      await world.sleep(FOLD_TIME);
      await refresh(threadId);
    },

    async save(threadId: string): Promise<void> {
      const { draft } = viewOf(threadId);
      if (draft?.base == null) return;
      const { base } = draft;
      await attempt(threadId, "saving", "The summary could not be saved.", async () => {
        try {
          loaded(threadId, await api.correctSummary(threadId, base, linesOf(draft)), true);
        } catch (error) {
          if (!isMissing(error)) throw error;
          // It has become another one: what was written here is carried over to that, and waits.
          await read(threadId);
        }
      });
    },

    undo: (threadId: string) =>
      attempt(threadId, "undoing", "The summary could not be undone.", async () => {
        loaded(threadId, await api.undoSummary(threadId));
      }),

    fold: async (threadId: string) => {
      store.dispatch({ type: "panel.changed", panel: { type: "summary" } });
      await attempt(threadId, "folding", "Older messages could not be summarised.", async () => {
        const before = viewOf(threadId).value ?? (await api.summary(threadId));
        const after = await api.fold(threadId);
        loaded(threadId, after, false, after.id === before.id ? NOTHING_TO_FOLD : null);
      });
    },
  };
}
