import type { JSX } from "preact";
import { tame } from "../markdown/tame.ts";
import type { Part } from "../protocol.ts";
import { toolWords } from "../toolwords.ts";
import { Icon } from "./icons.tsx";

/** A tool call, as one quiet line. */
export function ToolLine({ part, running }: { readonly part: Part; readonly running: boolean }): JSX.Element {
  return (
    <p class={`tool-line ${running ? "shimmer" : ""}`}>
      <Icon name="search" />
      <span dir="auto">{tame(toolWords(part, running))}</span>
    </p>
  );
}
