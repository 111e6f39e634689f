import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ConfirmDialog, Dialog } from "../elements/Dialog.tsx";

interface DeleteProps {
  readonly title: string;
  readonly onDelete: () => void;
  readonly onClose: () => void;
}

export function DeleteDialog({ title, onDelete, onClose }: DeleteProps): JSX.Element {
  return (
    <ConfirmDialog
      title="Delete this conversation?"
      text={
        <>
          <strong dir="auto">{title}</strong> and all its branches will be deleted. This cannot be undone.
        </>
      }
      cancelLabel="Keep it"
      confirmLabel="Delete"
      onConfirm={onDelete}
      onClose={onClose}
    />
  );
}

interface RenameProps {
  /** The title while it is edited. */
  readonly title: string;
  readonly onInput: (title: string) => void;
  readonly onRename: (title: string) => void;
  readonly onClose: () => void;
}

export function RenameDialog({ title, onInput, onRename, onClose }: RenameProps): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <Dialog label="Rename" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (title.trim() !== "") onRename(title.trim());
        }}
      >
        <h2>Rename</h2>
        <input
          ref={field}
          class="field"
          aria-label="Title"
          maxLength={200}
          dir="auto"
          value={title}
          onInput={({ currentTarget }) => onInput(currentTarget.value)}
        />
        <div class="form-row">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={title.trim() === ""}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
