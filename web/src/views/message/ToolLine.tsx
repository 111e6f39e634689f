import type { JSX } from "preact";
import { tame } from "../../markdown/limit-marks.ts";
import type { Part } from "../../transport/protocol.ts";
import { toolWords } from "../../format/tool-labels.ts";
import { Icon } from "../elements/icons.tsx";

/** A tool call, as one quiet line. */
export function ToolLine({ part, running }: { readonly part: Part; readonly running: boolean }): JSX.Element {
  return (
    <p class={`tool-line ${running ? "shimmer" : ""}`}>
      <Icon name="search" />
      <span dir="auto">{tame(toolWords(part, running))}</span>
    </p>
  );
}
