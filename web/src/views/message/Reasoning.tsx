import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Part } from "../../transport/protocol.ts";
import { useRowState } from "../hooks/use-row-state.ts";
import { Icon } from "../elements/icons.tsx";
import { Markdown } from "./Markdown.tsx";

/** Reasoning, collapsed to one line. `startedAt` is set while it runs. */
export function Reasoning({
  id,
  part,
  startedAt,
}: {
  readonly id: string;
  readonly part: Part;
  readonly startedAt: number | null;
}): JSX.Element {
  const [open, setOpen] = useRowState(`reasoning.${id}`, false);
  const seconds = useSeconds(startedAt);
  const text = (part.text ?? "").trim();
  const label =
    startedAt === null
      ? durationLabel(part.seconds ?? undefined)
      : seconds < 2
        ? "Thinking"
        : `Thinking for ${seconds} s`;
  return (
    <div class="reasoning">
      <button
        type="button"
        class={`reasoning-line ${startedAt === null ? "" : "shimmer"}`}
        aria-expanded={open}
        disabled={text === ""}
        onClick={() => setOpen(!open)}
      >
        <Icon name="clock" />
        <span>{label}</span>
        {text !== "" && <Icon name="right" />}
      </button>
      {open && (
        <div class="reasoning-text">
          <Markdown text={text} open={startedAt !== null} />
        </div>
      )}
    </div>
  );
}

function durationLabel(seconds: number | undefined): string {
  if (seconds === undefined || seconds < 1) return "Thought for a moment";
  if (seconds < 60) return `Thought for ${Math.round(seconds)} s`;
  return `Thought for ${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function useSeconds(startedAt: number | null): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (startedAt === null) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [startedAt]);
  return startedAt === null ? 0 : Math.max(0, Math.round((now - startedAt) / 1000));
}
