import type { JSX } from "preact";
import type { Draft } from "../../state/state.ts";
import { linesOf } from "../../state/summary.ts";

interface UnsavedProps {
  readonly draft: Draft;
  readonly saving: boolean;
  readonly busy: boolean;
  readonly onSave: () => void;
  readonly onDiscard: () => void;
}

/** Saves or discards the corrections of a summary. */
export function Unsaved({ draft, saving, busy, onSave, onDiscard }: UnsavedProps): JSX.Element {
  const isEmpty = linesOf(draft).length === 0;
  const isOrphaned = draft.base === null;
  return (
    <div class="summary-unsaved">
      {draft.rebased && !isOrphaned && (
        <p>
          The summary has changed. Your changes were applied to the new version. Check them and save again.
        </p>
      )}
      {isOrphaned && <p>This summary is no longer used. Your lines are kept here until you discard them.</p>}
      {isEmpty && <p>At least one line must remain. To remove the whole summary, undo it.</p>}
      <div class="form-row">
        <span class="hint">Not saved yet</span>
        <button type="button" class="button" disabled={busy} onClick={onDiscard}>
          Discard
        </button>
        <button
          type="button"
          class="button primary"
          disabled={busy || isEmpty || isOrphaned}
          onClick={onSave}
        >
          {saving ? "Saving" : "Save"}
        </button>
      </div>
    </div>
  );
}
