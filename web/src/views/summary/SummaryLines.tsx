import type { JSX } from "preact";
import { limitMarks } from "../../markdown/limit-marks.ts";
import type { DraftLine } from "../../state/state.ts";
import { type LineChange, singleLine } from "../../state/summary.ts";
import { IconButton } from "../elements/icons.tsx";
import { useRowState } from "../hooks/use-row-state.ts";
import { MessageLink } from "../message/MessageLink.tsx";
import { LineField } from "./LineField.tsx";

interface LineProps {
  readonly threadId: string;
  readonly line: DraftLine;
  readonly busy: boolean;
  readonly onChange: (change: LineChange) => void;
  readonly onFollow: (() => void) | undefined;
}

interface LinesProps extends Omit<LineProps, "line" | "onChange"> {
  readonly lines: readonly DraftLine[];
  readonly onChange: (key: string, change: LineChange) => void;
}

/** A list of lines of the summary, or of key facts. */
export function SummaryLines({ lines, onChange, ...shared }: LinesProps): JSX.Element {
  return (
    <ul class="summary-lines">
      {lines.map((line) => (
        <SummaryLineView
          key={line.key}
          line={line}
          onChange={(change) => onChange(line.key, change)}
          {...shared}
        />
      ))}
    </ul>
  );
}

/** One line of the summary: its text or a field to edit it, links to its sources, and its buttons. */
function SummaryLineView({ threadId, line, busy, onChange, onFollow }: LineProps): JSX.Element {
  const [isEditing, setEditing] = useRowState(`line.${threadId}.${line.key}`, false);
  const { text, pinned, removed, before } = line;
  const isChanged = before === null || singleLine(text) !== before.text;
  const noun = line.fact === undefined ? "line" : "key fact";
  return (
    <li
      class={`summary-line ${pinned ? "pinned" : ""} ${removed ? "removed" : ""} ${isChanged ? "changed" : ""}`}
    >
      {isEditing ? (
        <LineField
          label={`Edit the ${noun}`}
          text={text}
          onInput={(next) => onChange({ text: next })}
          onDone={() => setEditing(false)}
          onCancel={() => {
            onChange({ text: before?.text ?? text });
            setEditing(false);
          }}
        />
      ) : (
        <p class="summary-text" dir="auto">
          {line.fact !== undefined && <span class="fact-subject">{limitMarks(line.fact.subject)}: </span>}
          {limitMarks(text)}
        </p>
      )}
      <div class="summary-foot">
        <Sources threadId={threadId} line={line} onFollow={onFollow} />
        {removed ? (
          <button
            type="button"
            class="text-button"
            disabled={busy}
            onClick={() => onChange({ removed: false })}
          >
            Restore
          </button>
        ) : (
          <LineTools
            noun={noun}
            isEditing={isEditing}
            pinned={pinned}
            busy={busy}
            onEdit={setEditing}
            onChange={onChange}
          />
        )}
      </div>
    </li>
  );
}

function Sources({
  threadId,
  line,
  onFollow,
}: Pick<LineProps, "threadId" | "line" | "onFollow">): JSX.Element {
  return (
    <span class="summary-sources">
      {line.before === null && <span>New, not saved yet</span>}
      {line.sources.map((id, index) => (
        <MessageLink
          key={id}
          threadId={threadId}
          messageId={id}
          class="source"
          label={`Source ${index + 1}`}
          {...(onFollow === undefined ? {} : { onFollow })}
        >
          {index + 1}
        </MessageLink>
      ))}
    </span>
  );
}

interface ToolsProps {
  readonly noun: string;
  readonly isEditing: boolean;
  readonly pinned: boolean;
  readonly busy: boolean;
  readonly onEdit: (isEditing: boolean) => void;
  readonly onChange: (change: LineChange) => void;
}

function LineTools({ noun, isEditing, pinned, busy, onEdit, onChange }: ToolsProps): JSX.Element {
  return (
    <span class="summary-tools">
      <IconButton
        icon={isEditing ? "check" : "edit"}
        label={isEditing ? "Done" : `Edit the ${noun}`}
        disabled={busy}
        onClick={() => onEdit(!isEditing)}
      />
      <IconButton
        icon="trash"
        label={`Remove the ${noun}`}
        disabled={busy}
        onClick={() => {
          onEdit(false);
          onChange({ removed: true });
        }}
      />
      <IconButton
        icon="pin"
        label={pinned ? "Unpin" : "Pin: keep it word for word"}
        pressed={pinned}
        disabled={busy}
        onClick={() => onChange({ pinned: !pinned })}
      />
    </span>
  );
}
