// The summary of a conversation, and a draft of the reader's unsaved corrections. A draft is never lost: when a newer version
// of the summary arrives, the corrections are applied to it.

import type { FactName, KeyFact, Summary, SummaryLine } from "../transport/protocol.ts";
import type { PageEvent } from "./events.ts";
import type { Draft, DraftLine, SummaryView } from "./state.ts";

export type LineChange = Partial<Pick<DraftLine, "text" | "pinned" | "removed">>;

export const MAX_LINE_LENGTH = 600;

export function reduceSummary(view: SummaryView, event: PageEvent): SummaryView {
  switch (event.type) {
    case "summary.working":
      return { ...view, work: event.work, outcome: null };
    case "summary.loaded":
      return {
        value: event.summary,
        draft: view.draft === null || event.saved ? null : rebaseDraft(view.draft, event.summary),
        work: null,
        outcome: event.outcome,
      };
    case "summary.failed":
      return { ...view, work: null, outcome: event.outcome };
    case "summary.drafted":
      return { ...view, draft: event.draft === null || !isChanged(event.draft) ? null : event.draft };
    default:
      return view;
  }
}

export function draftOf(summary: Summary): Draft {
  const facts = summary.facts.map(savedFact(summary.id));
  return { base: summary.id, rebased: false, lines: [...facts, ...summary.lines.map(savedLine(summary.id))] };
}

export function withChange(draft: Draft, key: string, change: LineChange): Draft {
  const lines = draft.lines.map((line) => (line.key === key ? { ...line, ...change } : line));
  return { ...draft, lines: lines.filter((line) => line.before !== null || !line.removed) };
}

export function withLine(draft: Draft, key: string, text: string): Draft {
  const line: DraftLine = { key, text, sources: [], pinned: false, before: null, removed: false };
  return { ...draft, lines: [...draft.lines, line] };
}

/** Text without line breaks, as the server requires it. */
export function singleLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

export function isChanged(draft: Draft): boolean {
  return draft.lines.some(isEdited);
}

/** The lines to save, without those that are removed or empty. */
export function linesOf(draft: Draft): readonly SummaryLine[] {
  return draft.lines.flatMap(({ text, sources, pinned, segment, removed, fact }) =>
    removed || fact !== undefined || singleLine(text) === ""
      ? []
      : [{ text: singleLine(text), sources, pinned, ...(segment === undefined ? {} : { segment }) }],
  );
}

/** The key facts to save, without those that are removed or empty; undefined, which changes none, when the draft has none. */
export function factsOf(draft: Draft): readonly KeyFact[] | undefined {
  if (!draft.lines.some(({ fact }) => fact !== undefined)) return undefined;
  return draft.lines.flatMap(({ text, sources, pinned, removed, fact }) =>
    removed || fact === undefined || singleLine(text) === ""
      ? []
      : [{ ...fact, value: singleLine(text), sources, pinned }],
  );
}

/** Applies the edits of a draft to another version of the summary; null when none are left. */
export function rebaseDraft(draft: Draft, summary: Summary): Draft | null {
  if (draft.base === summary.id) return draft;
  const edits = new Map(
    draft.lines
      .filter(isEdited)
      .map((line) => [identity(line, line.before?.text ?? line.key), line] as const),
  );
  const facts = summary.facts.map((fact, index): DraftLine => {
    const saved = savedFact(summary.id)(fact, index);
    const edit = edits.get(identity(saved, saved.text));
    if (edit === undefined) return saved;
    edits.delete(identity(saved, saved.text));
    // What was removed has another value now: that is another fact.
    if (edit.removed && edit.before?.text !== saved.text) return saved;
    return { ...saved, text: edit.text, pinned: edit.pinned, removed: edit.removed };
  });
  const lines = summary.lines.map((line, index): DraftLine => {
    const saved = savedLine(summary.id)(line, index);
    const edit = edits.get(line.text);
    if (edit?.before?.text !== line.text) return saved;
    edits.delete(line.text);
    return { ...saved, text: edit.text, pinned: edit.pinned, removed: edit.removed };
  });
  // Edits of lines that no longer exist become new lines.
  const added = [...edits.values()].filter(({ removed }) => !removed).map(newLine);
  const rebased: Draft = { base: summary.id, rebased: true, lines: [...facts, ...lines, ...added] };
  return isChanged(rebased) ? rebased : null;
}

function isEdited({ before, text, pinned, removed }: DraftLine): boolean {
  if (before === null) return singleLine(text) !== "";
  return removed || pinned !== before.pinned || singleLine(text) !== before.text;
}

function savedLine(id: string | null) {
  return (line: SummaryLine, index: number): DraftLine => ({
    ...line,
    key: `${id}/${index}`,
    before: line,
    removed: false,
  });
}

function savedFact(id: string | null) {
  return ({ kind, subject, value, sources, pinned }: KeyFact, index: number): DraftLine => ({
    text: value,
    sources,
    pinned,
    key: `${id}/fact/${index}`,
    before: { text: value, sources, pinned },
    removed: false,
    fact: { kind, subject },
  });
}

/** By what a line is found in another version: a key fact by its kind and subject, a line by its text. */
function identity({ fact }: { readonly fact?: FactName }, text: string): string {
  return fact === undefined ? text : `= ${fact.kind}; ${fact.subject}`;
}

function newLine({ key, text, sources, pinned, fact }: DraftLine): DraftLine {
  const about = fact === undefined ? {} : { fact };
  return { key: `new/${key}`, text, sources, pinned, before: null, removed: false, ...about };
}
