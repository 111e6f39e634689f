import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { tame } from "../../markdown/limit-marks.ts";
import type { Summary } from "../../transport/protocol.ts";
import { type Draft, type DraftLine, noSummary } from "../../state/state.ts";
import {
  draftOf,
  type LineChange,
  linesOf,
  LONGEST_LINE,
  oneLine,
  withChange,
  withLine,
} from "../../state/summary.ts";
import { useSelect } from "../../app/store.ts";
import { clock } from "../../format/times.ts";
import { ConfirmDialog } from "../elements/Dialog.tsx";
import { useDeeds } from "../hooks/actions-context.ts";
import { IconButton } from "../elements/icons.tsx";
import { MessageLink } from "../message/MessageLink.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";

interface PanelProps {
  readonly threadId: string;
  readonly onClose: () => void;
  /** A source was followed. */
  readonly onFollow?: () => void;
}

/** What the model is told instead of the old messages, line by line, for its reader to check and to correct. */
export function SummaryPanel({ threadId, onClose, onFollow }: PanelProps): JSX.Element {
  const { store, summaries, newId } = useDeeds();
  const { value, draft, work, outcome } = useSelect(
    (state) => state.conversations[threadId]?.summary ?? noSummary,
  );
  const [undoing, setUndoing] = useState(false);
  const shown = draft ?? (value === null ? null : draftOf(value));
  const put = (next: Draft | null) => store.dispatch({ type: "summary.drafted", threadId, draft: next });
  const lines = shown?.lines ?? [];
  const busy = work !== null;
  const some = value !== null && value.id !== null;
  return (
    <div class="summary-panel">
      <header class="panel-head">
        <h2>Summary</h2>
        {some && (
          <IconButton icon="undo" label="Undo the summary" disabled={busy} onClick={() => setUndoing(true)} />
        )}
        <IconButton icon="close" label="Close the summary" onClick={onClose} />
      </header>
      <div class="panel-body">
        {some && (
          <p class="hint">
            The model is told these lines instead of the messages they come from. The numbers lead there.
          </p>
        )}
        {value === null && (work === "loading" || work === "folding") && (
          <Skeleton lines={6} label="Loading the summary" />
        )}
        {value !== null && value.id === null && lines.length === 0 && (
          <Nothing threadId={threadId} busy={busy} />
        )}
        <ul class="summary-lines">
          {lines.map((line) => (
            <LineView
              key={line.key}
              threadId={threadId}
              line={line}
              busy={busy}
              onFollow={onFollow}
              onChange={(change) => shown !== null && put(withChange(shown, line.key, change))}
            />
          ))}
        </ul>
        {some && shown !== null && (
          <NewLine disabled={busy} onAdd={(text) => put(withLine(shown, newId(), text))} />
        )}
        {value !== null && <Versions summary={value} />}
      </div>
      <p class="summary-news" role="status">
        {work === "folding" ? "Summarising older messages. This may take a little." : outcome}
      </p>
      {draft !== null && (
        <Unsaved
          draft={draft}
          saving={work === "saving"}
          busy={busy}
          onDrop={() => put(null)}
          onSave={() => void summaries.save(threadId)}
        />
      )}
      {undoing && (
        <ConfirmDialog
          title="Undo the newest summary?"
          text="The model is then told the version before it, or the messages word for word."
          keep="Keep it"
          act="Undo"
          onClose={() => setUndoing(false)}
          onAct={() => {
            setUndoing(false);
            void summaries.undo(threadId);
          }}
        />
      )}
    </div>
  );
}

function Nothing({ threadId, busy }: { readonly threadId: string; readonly busy: boolean }): JSX.Element {
  const { summaries } = useDeeds();
  return (
    <div class="summary-nothing">
      <p>Nothing is summarised here yet: the model is told the messages themselves.</p>
      <button type="button" class="button" disabled={busy} onClick={() => void summaries.fold(threadId)}>
        Summarise older messages
      </button>
    </div>
  );
}

interface LineProps {
  readonly threadId: string;
  readonly line: DraftLine;
  readonly busy: boolean;
  readonly onChange: (change: LineChange) => void;
  readonly onFollow: (() => void) | undefined;
}

function LineView({ threadId, line, busy, onChange, onFollow }: LineProps): JSX.Element {
  const [editing, setEditing] = useState(false);
  const { text, sources, pinned, removed, before } = line;
  const changed = before === null || oneLine(text) !== before.text;
  return (
    <li
      class={`summary-line ${pinned ? "pinned" : ""} ${removed ? "removed" : ""} ${changed ? "changed" : ""}`}
    >
      {editing ? (
        <LineField
          label="Edit the line"
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
          {tame(text)}
        </p>
      )}
      <div class="summary-foot">
        <span class="summary-sources">
          {before === null && <span>Yours, not saved yet</span>}
          {sources.map((id, index) => (
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
        {removed ? (
          <button
            type="button"
            class="text-button"
            disabled={busy}
            onClick={() => onChange({ removed: false })}
          >
            Put back
          </button>
        ) : (
          <span class="summary-tools">
            <IconButton
              icon={editing ? "check" : "edit"}
              label={editing ? "Done" : "Edit the line"}
              disabled={busy}
              onClick={() => setEditing(!editing)}
            />
            <IconButton
              icon="trash"
              label="Remove the line"
              disabled={busy}
              onClick={() => {
                setEditing(false);
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
        )}
      </div>
    </li>
  );
}

interface FieldProps {
  readonly label: string;
  readonly text: string;
  readonly placeholder?: string;
  readonly disabled?: boolean;
  readonly onInput: (text: string) => void;
  readonly onDone: () => void;
  readonly onCancel: () => void;
}

/** One line of text that may be long: it grows, Enter is done, Escape takes it back. */
function LineField(props: FieldProps): JSX.Element {
  const { label, text, placeholder, disabled, onInput, onDone, onCancel } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const isNew = placeholder !== undefined;
  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [text]);
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
      maxLength={LONGEST_LINE}
      disabled={disabled ?? false}
      value={text}
      onInput={({ currentTarget }) => onInput(currentTarget.value)}
      onKeyDown={(event) => {
        if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
        if (event.key === "Escape" && text === "") return;
        event.preventDefault();
        event.stopPropagation();
        if (event.key === "Enter") onDone();
        else onCancel();
      }}
    />
  );
}

function NewLine({
  disabled,
  onAdd,
}: {
  readonly disabled: boolean;
  readonly onAdd: (text: string) => void;
}): JSX.Element {
  const [text, setText] = useState("");
  const add = () => {
    if (oneLine(text) !== "") onAdd(oneLine(text));
    setText("");
  };
  return (
    <div class="summary-new" onFocusOut={add}>
      <LineField
        label="Add a line"
        placeholder="Add what the model should know"
        text={text}
        disabled={disabled}
        onInput={setText}
        onDone={add}
        onCancel={() => setText("")}
      />
    </div>
  );
}

interface UnsavedProps {
  readonly draft: Draft;
  readonly saving: boolean;
  readonly busy: boolean;
  readonly onSave: () => void;
  readonly onDrop: () => void;
}

function Unsaved({ draft, saving, busy, onSave, onDrop }: UnsavedProps): JSX.Element {
  const empty = linesOf(draft).length === 0;
  const gone = draft.base === null;
  return (
    <div class="summary-unsaved">
      {draft.moved && !gone && (
        <p>
          The summary has changed meanwhile. Your changes were carried over to it; look at them and save
          again.
        </p>
      )}
      {gone && <p>This summary is no longer used. Your lines are kept here until you drop them.</p>}
      {empty && <p>At least one line must stay. To be rid of the whole summary, undo it.</p>}
      <div class="form-row">
        <span class="hint">Not saved yet</span>
        <button type="button" class="button" disabled={busy} onClick={onDrop}>
          Discard
        </button>
        <button type="button" class="button primary" disabled={busy || empty || gone} onClick={onSave}>
          {saving ? "Saving" : "Save"}
        </button>
      </div>
    </div>
  );
}

const ORIGINS: Readonly<Record<string, string>> = {
  model: "Written by the model",
  user: "Corrected by you",
  import: "Imported",
};

function Versions({ summary }: { readonly summary: Summary }): JSX.Element | null {
  const { versions, id } = summary;
  if (versions.length === 0) return null;
  return (
    <details class="summary-versions">
      <summary>{versions.length === 1 ? "1 version" : `${versions.length} versions`}</summary>
      <ol>
        {versions.map((version) => (
          <li key={version.id} class={version.active ? "" : "past"}>
            <span>
              {ORIGINS[version.origin] ?? version.origin}
              {version.id === id ? " · in use" : ""}
            </span>
            <span class="hint">{clock(version.created_at)}</span>
          </li>
        ))}
      </ol>
    </details>
  );
}
