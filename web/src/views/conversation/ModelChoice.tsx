import type { JSX } from "preact";
import { useReducer } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { threadAt } from "../../state/state.ts";
import { NEW_THREAD_TIER } from "../../storage/drafts.ts";
import { useActions } from "../hooks/actions-context.ts";

/** The choice of a thread whose model is chosen for each turn. */
const AUTOMATIC = { tier: "auto", label: "Automatic" };

/** Chooses the model of the thread, which is stored with it; nothing where there is no choice. */
export function ModelChoice({ threadId }: { readonly threadId: string | null }): JSX.Element | null {
  const { threads, tabStorage } = useActions();
  const models = useSelector((state) => state.info?.models) ?? [];
  const thread = useSelector((state) => threadAt(state, threadId));
  const [, rerender] = useReducer((count: number) => count + 1, 0);
  if (models.length < 2) return null;
  const tier = (threadId === null ? tabStorage.read(NEW_THREAD_TIER) : thread?.tier) ?? AUTOMATIC.tier;
  const choose = (next: string) => {
    if (threadId !== null) {
      void threads.change(threadId, { tier: next });
      return;
    }
    tabStorage.write(NEW_THREAD_TIER, next === AUTOMATIC.tier ? null : next);
    rerender(undefined);
  };
  return (
    <label class="model-choice">
      <span class="visually-hidden">Model</span>
      <select
        value={models.some((model) => model.tier === tier) ? tier : AUTOMATIC.tier}
        // The first message creates the thread.
        disabled={threadId !== null && thread === undefined}
        onChange={({ currentTarget }) => choose(currentTarget.value)}
      >
        {[AUTOMATIC, ...models].map(({ tier: value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
