// Texts that are typed and not sent: in the composer, per thread, and of messages that are being edited. A new conversation
// has no thread id yet.

import type { BrowserStorage } from "./browser-storage.ts";

/** Where a tab keeps the tier that was chosen for a conversation that has not begun. */
export const NEW_THREAD_TIER = "new-thread.tier";

const REPLACED = "palaver:draft";

export function readDraft(storage: BrowserStorage, threadId: string | null): string {
  return storage.read(keyOf(threadId)) ?? "";
}

export function saveDraft(storage: BrowserStorage, threadId: string | null, text: string): void {
  storage.write(keyOf(threadId), text);
}

/** Saves a draft from outside the composer, and makes the composer read it again. */
export function replaceDraft(storage: BrowserStorage, threadId: string | null, text: string): void {
  saveDraft(storage, threadId, text);
  dispatchEvent(new CustomEvent(REPLACED));
}

/** Calls back when a draft was replaced; returns a function that ends this. */
export function onDraftReplaced(listener: () => void): () => void {
  addEventListener(REPLACED, listener);
  return () => removeEventListener(REPLACED, listener);
}

/** The text of a message that is being edited; null if it is not. */
export function readEdit(storage: BrowserStorage, threadId: string, messageId: string): string | null {
  return storage.read(editKey(threadId, messageId))?.slice(MARK.length) ?? null;
}

export function saveEdit(
  storage: BrowserStorage,
  threadId: string,
  messageId: string,
  text: string | null,
): void {
  storage.write(editKey(threadId, messageId), text === null ? null : MARK + text);
}

/** Deletes what was typed in a thread that is deleted. */
export function forgetDrafts(storage: BrowserStorage, threadId: string): void {
  for (const key of [keyOf(threadId), ...storage.keys(editKey(threadId, ""))]) storage.write(key, null);
}

/** Before the text, because storage keeps no empty value, and an edit may be empty. */
const MARK = "=";

function editKey(threadId: string, messageId: string): string {
  return `edit.${threadId}/${messageId}`;
}

function keyOf(threadId: string | null): string {
  return `draft.${threadId ?? "new"}`;
}
