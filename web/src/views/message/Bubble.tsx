import type { ComponentChildren, JSX } from "preact";
import { limitMarks } from "../../markdown/limit-marks.ts";
import { useRowState } from "../hooks/use-row-state.ts";

/** Longer messages are collapsed at first. */
const MAX_LETTERS = 1_800;
const MAX_LINES = 30;

interface BubbleProps {
  /** Of its row. */
  readonly id: string;
  readonly text: string;
  readonly children?: ComponentChildren;
}

/** The text of a person, shown as it was typed. */
export function Bubble({ id, text, children }: BubbleProps): JSX.Element {
  const [isExpanded, setExpanded] = useRowState(`bubble.${id}`, false);
  const isLong = text.length > MAX_LETTERS || text.split("\n", MAX_LINES + 1).length > MAX_LINES;
  return (
    <div class="bubble">
      <div class={isLong && !isExpanded ? "bubble-text collapsed" : "bubble-text"} dir="auto">
        {limitMarks(text)}
      </div>
      {isLong && (
        <button
          type="button"
          class="text-button"
          aria-expanded={isExpanded}
          onClick={() => setExpanded(!isExpanded)}
        >
          {isExpanded ? "Show less" : "Show all"}
        </button>
      )}
      {children}
    </div>
  );
}
