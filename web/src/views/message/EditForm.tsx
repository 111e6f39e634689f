import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { commandKey, isSendKey } from "../elements/keyboard.ts";
import { useAutoHeight } from "../hooks/use-auto-height.ts";

interface EditProps {
  readonly original: string;
  readonly text: string;
  readonly onInput: (text: string) => void;
  readonly onSend: (text: string) => void;
  readonly onClose: () => void;
}

/** Edits a message. Sending adds a branch; the first version stays. */
export function EditForm({ original, text, onInput, onSend, onClose }: EditProps): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim() !== "" && text !== original;
  const send = () => {
    if (ready) onSend(text.trimEnd());
  };

  useAutoHeight(field, text, { limit: () => 420 });

  useLayoutEffect(() => {
    // Back from scrolling, the form does not take the focus from another field.
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, []);

  return (
    <form
      class="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        aria-label="Edit your message"
        value={text}
        rows={1}
        dir="auto"
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
        onKeyDown={(event) => {
          if (commandKey(event) === "Escape") {
            event.stopPropagation();
            onClose();
          } else if (isSendKey(event)) {
            event.preventDefault();
            send();
          }
        }}
      />
      <div class="form-row">
        <span class="hint">Sending starts a new branch here.</span>
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={!ready}>
          Send
        </button>
      </div>
    </form>
  );
}
