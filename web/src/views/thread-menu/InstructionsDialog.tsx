import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { Dialog } from "../elements/Dialog.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { useRowState } from "../hooks/use-row-state.ts";

const LONGEST = 64_000;

interface Props {
  readonly threadId: string;
  readonly onClose: () => void;
}

/** What was typed is kept until it is saved or given up with Cancel. */
export function InstructionsDialog({ threadId, onClose }: Props): JSX.Element {
  const { instructions } = useActions();
  const saved = useSelector((state) => state.conversations[threadId]?.instructions?.text ?? "");
  const [draft, setDraft] = useRowState<string | null>(`instructions.${threadId}`, null);
  const field = useRef<HTMLTextAreaElement>(null);
  const text = draft ?? saved;
  const changed = text.trim() !== saved.trim();
  useLayoutEffect(() => field.current?.focus(), []);

  async function save(): Promise<void> {
    if (!changed || !(await instructions.save(threadId, text.trim()))) return;
    setDraft(null);
    onClose();
  }

  return (
    <Dialog label="Instructions" class="instructions" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <h2>Instructions</h2>
        <p>The model reads them before this conversation, from its next answer on.</p>
        <textarea
          ref={field}
          class="field instructions-field"
          aria-label="Instructions for this conversation"
          maxLength={LONGEST}
          rows={8}
          dir="auto"
          value={text}
          onInput={({ currentTarget }) => setDraft(currentTarget.value)}
        />
        <div class="form-row">
          <button
            type="button"
            class="button"
            onClick={() => {
              setDraft(null);
              onClose();
            }}
          >
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={!changed}>
            {text.trim() === "" && changed ? "Remove" : "Save"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
