import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { commandKey, isSendKey } from "../elements/keyboard.ts";
import { useAutoHeight } from "../hooks/use-auto-height.ts";

interface EditProps {
  readonly text: string;
  readonly onSend: (text: string) => void;
  readonly onClose: () => void;
}

/** Edits a message. Sending adds a branch; the first version stays. */
export function EditForm({ text, onSend, onClose }: EditProps): JSX.Element {
  const [value, setValue] = useState(text);
  const field = useRef<HTMLTextAreaElement>(null);
  const ready = value.trim() !== "" && value !== text;

  useAutoHeight(field, value, { limit: () => 420 });

  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, [text]);

  return (
    <form
      class="edit-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) onSend(value.trim());
      }}
    >
      <textarea
        ref={field}
        aria-label="Edit your message"
        value={value}
        rows={1}
        onInput={({ currentTarget }) => setValue(currentTarget.value)}
        onKeyDown={(event) => {
          if (commandKey(event) === "Escape") {
            event.stopPropagation();
            onClose();
          } else if (isSendKey(event)) {
            event.preventDefault();
            if (ready) onSend(value.trim());
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
