import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { MAX_LINE_LENGTH } from "../../state/summary.ts";
import { commandKey } from "../elements/keyboard.ts";
import { useAutoHeight } from "../hooks/use-auto-height.ts";

interface FieldProps {
  readonly label: string;
  readonly text: string;
  readonly placeholder?: string;
  readonly disabled?: boolean;
  readonly onInput: (text: string) => void;
  readonly onDone: () => void;
  readonly onCancel: () => void;
}

/** A field for one line of text. It grows with the text; Enter finishes, Escape cancels. */
export function LineField(props: FieldProps): JSX.Element {
  const { label, text, placeholder, disabled, onInput, onDone, onCancel } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const isNew = placeholder !== undefined;
  useAutoHeight(field, text, { border: 2 });
  useLayoutEffect(() => {
    if (!isNew) field.current?.focus();
  }, [isNew]);
  return (
    <textarea
      ref={field}
      class="summary-field"
      aria-label={label}
      placeholder={placeholder}
      rows={1}
      dir="auto"
      maxLength={MAX_LINE_LENGTH}
      disabled={disabled ?? false}
      value={text}
      onInput={({ currentTarget }) => onInput(currentTarget.value)}
      onKeyDown={(event) => {
        const key = commandKey(event);
        if (key !== "Enter" && (key !== "Escape" || text === "")) return;
        event.preventDefault();
        event.stopPropagation();
        if (key === "Enter") onDone();
        else onCancel();
      }}
    />
  );
}
