import type { JSX } from "preact";
import { limitMarks } from "../../markdown/limit-marks.ts";
import type { Part } from "../../transport/protocol.ts";
import { toolLabel } from "../../format/tool-labels.ts";
import { Icon } from "../elements/icons.tsx";

/** A tool call in one line. */
export function ToolLine({ part, running }: { readonly part: Part; readonly running: boolean }): JSX.Element {
  return (
    <p class={`tool-line ${running ? "shimmer" : ""}`}>
      <Icon name="search" />
      <span dir="auto">{limitMarks(toolLabel(part, running))}</span>
    </p>
  );
}
