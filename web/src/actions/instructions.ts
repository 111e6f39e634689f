// The instructions of a thread: for the model, in this thread alone. They are loaded with the thread, and when they changed.

import type { Thread } from "../transport/protocol.ts";
import { attempt, type Dependencies } from "./dependencies.ts";

export type InstructionsActions = ReturnType<typeof createInstructions>;

export function createInstructions(dependencies: Dependencies) {
  const { api, store } = dependencies;
  return {
    /** A failure is not reported: the conversation can be read without them. */
    refresh: async (thread: Thread): Promise<void> => {
      const known = store.state.conversations[thread.id]?.instructions ?? null;
      if (known !== null && known.digest === thread.instructions_digest) return;
      try {
        const instructions = await api.instructions(thread.id);
        store.dispatch({ type: "instructions.loaded", threadId: thread.id, instructions });
      } catch {
        // The next load tries again.
      }
    },

    /** Without text they are removed. */
    save: (threadId: string, text: string): Promise<boolean> =>
      attempt(dependencies, "Could not save the instructions.", async () => {
        const instructions = await (text === ""
          ? api.removeInstructions(threadId)
          : api.setInstructions(threadId, text));
        store.dispatch({ type: "instructions.loaded", threadId, instructions });
        dependencies.notifyTabs(threadId);
      }),
  };
}
