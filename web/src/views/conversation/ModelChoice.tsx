import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { threadAt } from "../../state/state.ts";
import { useActions } from "../hooks/actions-context.ts";

/** Chooses the model of the next turns on this browser; nothing where there is no choice. */
export function ModelChoice({ threadId }: { readonly threadId: string | null }): JSX.Element | null {
  const { storage } = useActions();
  const info = useSelector((state) => state.info);
  const [model, setModel] = useState(storage.read("model") ?? "");
  const pinnedTier = useSelector((state) => threadAt(state, threadId)?.tier ?? null);
  const models = info?.models ?? [];
  const pinned = models.find(({ tier }) => tier === pinnedTier);
  if (models.length < 2) return null;
  const exists = models.some(({ id }) => id === model);
  return (
    <label class="model-choice">
      <span class="visually-hidden">Model</span>
      <select
        value={exists ? model : ""}
        onChange={({ currentTarget }) => {
          storage.write("model", currentTarget.value);
          setModel(currentTarget.value);
        }}
      >
        <option value="">{pinned === undefined ? "Automatic" : `Pinned: ${pinned.label}`}</option>
        {models.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
