// Corrections of summaries that are not saved on the server yet, kept per thread across reloads.

import type { Draft, State } from "../state/state.ts";
import type { BrowserStorage } from "./browser-storage.ts";

const PREFIX = "summary.";

/** The saved corrections, by thread id. */
export function readSummaryDrafts(storage: BrowserStorage): readonly (readonly [string, Draft])[] {
  return storage.keys(PREFIX).flatMap((key) => {
    const draft = parse(storage.read(key));
    return draft === null ? [] : [[key.slice(PREFIX.length), draft] as const];
  });
}

/** A function that saves the corrections of each state that differ from those it saved before. */
export function summaryDraftSaver(storage: BrowserStorage): (conversations: State["conversations"]) => void {
  let before: State["conversations"] = {};
  return (conversations) => {
    if (conversations === before) return;
    for (const id of new Set([...Object.keys(before), ...Object.keys(conversations)])) {
      const draft = conversations[id]?.summary.draft ?? null;
      if (draft === (before[id]?.summary.draft ?? null)) continue;
      storage.write(PREFIX + id, draft === null ? null : JSON.stringify(draft));
    }
    before = conversations;
  };
}

function parse(text: string | null): Draft | null {
  try {
    const value = JSON.parse(text ?? "null") as Partial<Draft> | null;
    return Array.isArray(value?.lines) && value.base !== undefined
      ? { base: value.base, lines: value.lines, rebased: value.rebased === true }
      : null;
  } catch {
    return null;
  }
}
