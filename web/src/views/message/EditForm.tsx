import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { isSendKey } from "../elements/keyboard.ts";

interface EditProps {
  readonly text: string;
  readonly onSend: (text: string) => void;
  readonly onClose: () => void;
}

/** Editing adds a branch: the first version stays where it was. */
export function EditForm({ text, onSend, onClose }: EditProps): JSX.Element {
  const [value, setValue] = useState(text);
  const field = useRef<HTMLTextAreaElement>(null);
  const ready = value.trim() !== "" && value !== text;

  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${Math.min(current.scrollHeight, 420)}px`;
  }, [value]);

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
          if (event.key === "Escape") {
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
