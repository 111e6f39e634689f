import type { JSX } from "preact";
import type { DraftLine } from "../../state/state.ts";
import type { LineChange } from "../../state/summary.ts";
import type { SummarySegment } from "../../transport/protocol.ts";
import { SummaryLines } from "./SummaryLines.tsx";

interface SegmentsProps {
  readonly threadId: string;
  readonly segments: readonly SummarySegment[];
  readonly lines: readonly DraftLine[];
  readonly busy: boolean;
  readonly onChange: (key: string, change: LineChange) => void;
  readonly onFollow: (() => void) | undefined;
}

/** The lines of the summary by part, oldest first, each part with how often it was condensed. */
export function Segments(props: SegmentsProps): JSX.Element {
  const { threadId, segments, lines, busy, onChange, onFollow } = props;
  const known = new Set(segments.map(({ id }) => id));
  const isLast = (index: number) => index === segments.length - 1;
  const parts = segments.map((segment, index) => ({
    segment,
    title: `${index === 0 ? "Oldest part" : isLast(index) ? "Newest part" : "Next part"}, ${condensed(segment.level)}`,
    // New lines belong to the newest part.
    lines: lines.filter(
      (line) => line.segment === segment.id || (isLast(index) && !known.has(line.segment ?? "")),
    ),
  }));
  const shown = segments.length === 0 ? [{ segment: null, title: "", lines }] : parts;
  return (
    <>
      {shown.map((part) => (
        <section key={part.segment?.id ?? "none"} class="summary-part" aria-label={part.title}>
          {segments.length > 1 && <h3>{part.title}</h3>}
          <SummaryLines
            threadId={threadId}
            lines={part.lines}
            busy={busy}
            onFollow={onFollow}
            onChange={onChange}
          />
        </section>
      ))}
    </>
  );
}

function condensed(level: number): string {
  if (level === 0) return "condensed once";
  return level === 1 ? "condensed twice" : `condensed ${level + 1} times`;
}
