import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { rememberFocus } from "./focus.ts";
import { commandKey } from "./keyboard.ts";

interface DialogProps {
  readonly label: string;
  readonly class?: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog. The browser keeps the focus inside; Escape or a click beside it closes it. */
export function Dialog({ label, class: extra, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  // A layout effect runs before the next key: what is typed right after the shortcut belongs to the dialog.
  useLayoutEffect(() => {
    const { current } = dialog;
    if (current === null) return;
    const restoreFocus = rememberFocus();
    const closeFromBackdrop = (event: MouseEvent) => {
      if (event.target === current) onClose();
    };
    current.showModal();
    current.addEventListener("mousedown", closeFromBackdrop);
    return () => {
      current.close();
      restoreFocus();
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
        // Escape closes the dialog only, and not also what it was opened from.
        if (commandKey(event) === "Escape") event.stopPropagation();
      }}
    >
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly text: ComponentChildren;
  readonly cancelLabel: string;
  readonly confirmLabel: string;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

export function ConfirmDialog(props: ConfirmProps): JSX.Element {
  const { title, text, cancelLabel, confirmLabel, onConfirm, onClose } = props;
  return (
    <Dialog label={title} onClose={onClose}>
      <h2>{title}</h2>
      <p>{text}</p>
      <div class="form-row">
        <button type="button" class="button" onClick={onClose}>
          {cancelLabel}
        </button>
        <button type="button" class="button danger" onClick={onConfirm}>
          {confirmLabel}
        </button>
      </div>
    </Dialog>
  );
}
