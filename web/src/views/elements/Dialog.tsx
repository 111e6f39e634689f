import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface DialogProps {
  readonly label: string;
  readonly class?: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog; the browser keeps the focus inside, and Escape or a click beside it closes. */
export function Dialog({ label, class: extra, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key arrives: what is typed right after the shortcut belongs to the dialog.
  useLayoutEffect(() => {
    const { current } = dialog;
    if (current === null) return;
    const before = document.activeElement;
    const beside = (event: MouseEvent) => {
      if (event.target === current) onClose();
    };
    current.showModal();
    current.addEventListener("mousedown", beside);
    return () => {
      current.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${extra ?? ""}`}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => {
        // One Escape closes one thing: what the dialog was opened from stays.
        if (event.key === "Escape") event.stopPropagation();
      }}
    >
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly text: ComponentChildren;
  /** What the two buttons say. */
  readonly keep: string;
  readonly act: string;
  readonly onAct: () => void;
  readonly onClose: () => void;
}

export function ConfirmDialog({ title, text, keep, act, onAct, onClose }: ConfirmProps): JSX.Element {
  return (
    <Dialog label={title} onClose={onClose}>
      <h2>{title}</h2>
      <p>{text}</p>
      <div class="form-row">
        <button type="button" class="button" onClick={onClose}>
          {keep}
        </button>
        <button type="button" class="button danger" onClick={onAct}>
          {act}
        </button>
      </div>
    </Dialog>
  );
}

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
          <strong dir="auto">{title}</strong> and all its branches will be gone. This cannot be undone.
        </>
      }
      keep="Keep it"
      act="Delete"
      onAct={onDelete}
      onClose={onClose}
    />
  );
}

interface RenameProps {
  readonly title: string;
  readonly onRename: (title: string) => void;
  readonly onClose: () => void;
}

export function RenameDialog({ title, onRename, onClose }: RenameProps): JSX.Element {
  const [value, setValue] = useState(title);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <Dialog label="Rename" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (value.trim() !== "") onRename(value.trim());
        }}
      >
        <h2>Rename</h2>
        <input
          ref={field}
          class="field"
          aria-label="Title"
          maxLength={200}
          dir="auto"
          value={value}
          onInput={({ currentTarget }) => setValue(currentTarget.value)}
        />
        <div class="form-row">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={value.trim() === ""}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
