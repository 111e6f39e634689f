// The summary of a conversation, and what its reader changed in it and has not saved. A draft is never dropped: when the
// summary becomes another one meanwhile, the reader's words are carried over to it.

import type { Summary, SummaryLine } from "../transport/protocol.ts";
import type { PageEvent } from "./events.ts";
import type { Draft, DraftLine, SummaryView } from "./state.ts";

export type LineChange = Partial<Pick<DraftLine, "text" | "pinned" | "removed">>;

export const LONGEST_LINE = 600;

export function reduceSummary(view: SummaryView, event: PageEvent): SummaryView {
  switch (event.type) {
    case "summary.working":
      return { ...view, work: event.work, outcome: null };
    case "summary.loaded":
      return {
        value: event.summary,
        draft: view.draft === null || event.saved ? null : rebased(view.draft, event.summary),
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
  return { base: summary.id, moved: false, lines: summary.lines.map(savedLine(summary.id)) };
}

export function withChange(draft: Draft, key: string, change: LineChange): Draft {
  const lines = draft.lines.map((line) => (line.key === key ? { ...line, ...change } : line));
  return { ...draft, lines: lines.filter((line) => line.before !== null || !line.removed) };
}

export function withLine(draft: Draft, key: string, text: string): Draft {
  const line: DraftLine = { key, text, sources: [], pinned: false, before: null, removed: false };
  return { ...draft, lines: [...draft.lines, line] };
}

/** One line, as the server wants it. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

export function isChanged(draft: Draft): boolean {
  return draft.lines.some(isTouched);
}

/** What would be saved; empty lines are no lines. */
export function linesOf(draft: Draft): readonly SummaryLine[] {
  return draft.lines.flatMap(({ text, sources, pinned, segment, removed }) =>
    removed || oneLine(text) === ""
      ? []
      : [{ text: oneLine(text), sources, pinned, ...(segment === undefined ? {} : { segment }) }],
  );
}

/** The same wishes for a summary that has become another one; null when there are none. */
export function rebased(draft: Draft, summary: Summary): Draft | null {
  if (draft.base === summary.id) return draft;
  const wishes = new Map(
    draft.lines.filter(isTouched).map((line) => [line.before?.text ?? line.key, line] as const),
  );
  const lines = summary.lines.map((line, index): DraftLine => {
    const plain = savedLine(summary.id)(line, index);
    const wish = wishes.get(line.text);
    if (wish?.before?.text !== line.text) return plain;
    wishes.delete(line.text);
    return { ...plain, text: wish.text, pinned: wish.pinned, removed: wish.removed };
  });
  // What was changed and is there no more keeps its words, as a line of the reader's own.
  const own = [...wishes.values()].filter(({ removed }) => !removed).map(ownLine);
  const carried: Draft = { base: summary.id, moved: true, lines: [...lines, ...own] };
  return isChanged(carried) ? carried : null;
}

function isTouched({ before, text, pinned, removed }: DraftLine): boolean {
  if (before === null) return oneLine(text) !== "";
  return removed || pinned !== before.pinned || oneLine(text) !== before.text;
}

function savedLine(id: string | null) {
  return (line: SummaryLine, index: number): DraftLine => ({
    ...line,
    key: `${id}/${index}`,
    before: line,
    removed: false,
  });
}

function ownLine({ key, text, sources, pinned }: DraftLine): DraftLine {
  return { key: `own/${key}`, text, sources, pinned, before: null, removed: false };
}
