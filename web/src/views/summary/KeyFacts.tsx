import type { JSX } from "preact";
import { limitMarks } from "../../markdown/limit-marks.ts";
import type { DraftLine } from "../../state/state.ts";
import type { LineChange } from "../../state/summary.ts";
import type { PastFact } from "../../transport/protocol.ts";
import { MessageLink } from "../message/MessageLink.tsx";
import { SummaryLines } from "./SummaryLines.tsx";

/** The kinds of key facts in the order in which they are shown, each with its heading. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["instruction", "Instructions"],
  ["preference", "Preferences"],
  ["name", "Names"],
  ["identifier", "Identifiers"],
  ["decision", "Decisions"],
  ["promise", "Promises"],
  ["question", "Open questions"],
]);

interface FactsProps {
  readonly threadId: string;
  readonly facts: readonly DraftLine[];
  readonly past: readonly PastFact[];
  readonly busy: boolean;
  readonly onChange: (key: string, change: LineChange) => void;
  readonly onFollow: (() => void) | undefined;
}

/** The table of key facts by kind, each with its sources and buttons, and what was in it before. */
export function KeyFacts(props: FactsProps): JSX.Element | null {
  const { threadId, facts, past, busy, onChange, onFollow } = props;
  if (facts.length === 0 && past.length === 0) return null;
  const kinds = [...KINDS].flatMap(([kind, heading]) => {
    const ofKind = facts.filter(({ fact }) => fact?.kind === kind);
    return ofKind.length === 0 ? [] : [{ heading, ofKind }];
  });
  return (
    <section class="key-facts" aria-label="Key facts">
      <h3>Key facts</h3>
      {kinds.map(({ heading, ofKind }) => (
        <div class="fact-kind" key={heading}>
          <h4>{heading}</h4>
          <SummaryLines
            threadId={threadId}
            lines={ofKind}
            busy={busy}
            onFollow={onFollow}
            onChange={onChange}
          />
        </div>
      ))}
      <PastFacts threadId={threadId} past={past} onFollow={onFollow} />
    </section>
  );
}

function whatBecameOf({ reason, by }: PastFact): string {
  const now = by === null ? "" : `: ${by.value}`;
  switch (reason) {
    case "replaced":
      return `replaced by${now}`;
    case "edited":
      return `you corrected it${now}`;
    case "no_room":
      return "no room left among the key facts";
    case "pinned":
      return `not taken over, a pinned fact stays${now}`;
    default:
      return "removed";
  }
}

function PastFacts({ threadId, past, onFollow }: Pick<FactsProps, "threadId" | "past" | "onFollow">) {
  if (past.length === 0) return null;
  return (
    <details class="summary-versions">
      <summary>{past.length === 1 ? "1 earlier key fact" : `${past.length} earlier key facts`}</summary>
      <ol>
        {past.toReversed().map((entry, index) => (
          <li key={past.length - index} class="past-fact">
            <span dir="auto">
              {limitMarks(`${entry.fact.subject}: ${entry.fact.value}`)}{" "}
              {(entry.by ?? entry.fact).sources.slice(-1).map((id) => (
                <MessageLink
                  key={id}
                  threadId={threadId}
                  messageId={id}
                  class="source"
                  label={entry.by === null ? "Source" : "Source of what stands there now"}
                  {...(onFollow === undefined ? {} : { onFollow })}
                >
                  {"\u2197"}
                </MessageLink>
              ))}
            </span>
            <span class="hint" dir="auto">
              {limitMarks(whatBecameOf(entry))}
            </span>
          </li>
        ))}
      </ol>
    </details>
  );
}
