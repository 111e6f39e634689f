// The text in the composer, kept per thread. A new conversation has no thread id yet.

import type { BrowserStorage } from "./browser-storage.ts";

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

function keyOf(threadId: string | null): string {
  return `draft.${threadId ?? "new"}`;
}
