import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { type Draft, emptySummary } from "../../state/state.ts";
import { draftOf, type LineChange, singleLine, withChange, withLine } from "../../state/summary.ts";
import type { Summary } from "../../transport/protocol.ts";
import { ConfirmDialog } from "../elements/Dialog.tsx";
import { IconButton } from "../elements/icons.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { useRowState } from "../hooks/use-row-state.ts";
import { KeyFacts } from "./KeyFacts.tsx";
import { LineField } from "./LineField.tsx";
import { Segments } from "./Segments.tsx";
import { Unsaved } from "./Unsaved.tsx";
import { Versions } from "./Versions.tsx";

interface PanelProps {
  readonly threadId: string;
  readonly onClose: () => void;
  /** Called when the reader opens a source. */
  readonly onFollow?: () => void;
}

/** The summary that the model gets in place of old messages, line by line, to check and correct. */
export function SummaryPanel({ threadId, onClose, onFollow }: PanelProps): JSX.Element {
  const { store, summaries } = useActions();
  const [isUndoing, setUndoing] = useState(false);
  const { value, draft, work, outcome } = useSelector(
    (state) => state.conversations[threadId]?.summary ?? emptySummary,
  );
  const setDraft = (next: Draft | null) => store.dispatch({ type: "summary.drafted", threadId, draft: next });
  const busy = work !== null;
  const exists = value !== null && value.id !== null;
  return (
    <div class="summary-panel">
      <header class="panel-head">
        <h2>Summary</h2>
        {exists && (
          <IconButton icon="undo" label="Undo the summary" disabled={busy} onClick={() => setUndoing(true)} />
        )}
        <IconButton icon="close" label="Close the summary" onClick={onClose} />
      </header>
      <div class="panel-body">
        {value === null && (work === "loading" || work === "compacting") && (
          <Skeleton lines={6} label="Loading the summary" />
        )}
        {value !== null && (
          <Lines
            threadId={threadId}
            summary={value}
            draft={draft ?? draftOf(value)}
            busy={busy}
            onDraft={setDraft}
            onFollow={onFollow}
          />
        )}
      </div>
      <p class="summary-status" role="status">
        {work === "compacting" ? "Compacting older messages. This may take a while." : outcome}
      </p>
      {draft !== null && (
        <Unsaved
          draft={draft}
          saving={work === "saving"}
          busy={busy}
          onDiscard={() => setDraft(null)}
          onSave={() => void summaries.save(threadId)}
        />
      )}
      {isUndoing && <UndoDialog threadId={threadId} onClose={() => setUndoing(false)} />}
    </div>
  );
}

interface UndoProps {
  readonly threadId: string;
  readonly onClose: () => void;
}

function UndoDialog({ threadId, onClose }: UndoProps): JSX.Element {
  const { summaries } = useActions();
  return (
    <ConfirmDialog
      title="Undo the newest summary?"
      text="The model then gets the previous version, or the messages word for word."
      cancelLabel="Keep it"
      confirmLabel="Undo"
      onClose={onClose}
      onConfirm={() => {
        onClose();
        void summaries.undo(threadId);
      }}
    />
  );
}

interface LinesProps {
  readonly threadId: string;
  readonly summary: Summary;
  readonly draft: Draft;
  readonly busy: boolean;
  readonly onDraft: (draft: Draft) => void;
  readonly onFollow: (() => void) | undefined;
}

function Lines({ threadId, summary, draft, busy, onDraft, onFollow }: LinesProps): JSX.Element {
  const { newId } = useActions();
  const exists = summary.id !== null;
  const change = (key: string, lineChange: LineChange) => onDraft(withChange(draft, key, lineChange));
  return (
    <>
      {exists && (
        <p class="hint">
          The model gets this in place of the messages it summarizes. The numbers link to the messages.
        </p>
      )}
      {!exists && draft.lines.length === 0 && <NoSummary threadId={threadId} busy={busy} />}
      <KeyFacts
        threadId={threadId}
        facts={draft.lines.filter(({ fact }) => fact !== undefined)}
        past={summary.past_facts}
        busy={busy}
        onChange={change}
        onFollow={onFollow}
      />
      <Segments
        threadId={threadId}
        segments={summary.segments}
        lines={draft.lines.filter(({ fact }) => fact === undefined)}
        busy={busy}
        onChange={change}
        onFollow={onFollow}
      />
      {exists && (
        <NewLine
          threadId={threadId}
          disabled={busy}
          onAdd={(text) => onDraft(withLine(draft, newId(), text))}
        />
      )}
      <Versions summary={summary} />
    </>
  );
}

function NoSummary({ threadId, busy }: { readonly threadId: string; readonly busy: boolean }): JSX.Element {
  const { summaries } = useActions();
  return (
    <div class="no-summary">
      <p>There is no summary yet. The model gets all messages word for word.</p>
      <button type="button" class="button" disabled={busy} onClick={() => void summaries.compact(threadId)}>
        Compact now
      </button>
    </div>
  );
}

interface NewLineProps {
  readonly threadId: string;
  readonly disabled: boolean;
  readonly onAdd: (text: string) => void;
}

function NewLine({ threadId, disabled, onAdd }: NewLineProps): JSX.Element {
  const [text, setText] = useRowState(`new-line.${threadId}`, "");
  const add = () => {
    if (singleLine(text) !== "") onAdd(singleLine(text));
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
