// Posts that are not on the server yet, kept across reloads. Each tab saves its own; what a closed tab left behind is taken
// over by another tab after a while. If two tabs ever send the same post, its key makes that one turn.

import type { Post } from "../state/state.ts";
import type { BrowserStorage } from "./browser-storage.ts";

interface SavedPosts {
  readonly at: number;
  readonly posts: readonly Post[];
}

const ABANDONED_AFTER = 5 * 60_000;

export function savePosts(storage: BrowserStorage, tab: string, posts: readonly Post[], now: number): void {
  const saved: SavedPosts = { at: now, posts };
  storage.write(`outbox.${tab}`, posts.length === 0 ? null : JSON.stringify(saved));
}

/** Restored posts are marked as not sent. They keep their keys, so sending them again cannot duplicate a message. */
export function restorePosts(storage: BrowserStorage, tab: string, now: number): readonly Post[] {
  const restored: Post[] = [];
  for (const key of storage.keys("outbox.")) {
    const saved = parse(storage.read(key));
    if (key !== `outbox.${tab}` && saved !== null && now - saved.at < ABANDONED_AFTER) continue;
    storage.write(key, null);
    restored.push(...(saved?.posts ?? []));
  }
  const problem = "The page was closed before the server answered.";
  return restored.map((post) => ({ ...post, status: "failed", problem }));
}

function parse(text: string | null): SavedPosts | null {
  try {
    const value = JSON.parse(text ?? "null") as Partial<SavedPosts> | null;
    return typeof value?.at === "number" && Array.isArray(value.posts)
      ? { at: value.at, posts: value.posts }
      : null;
  } catch {
    return null;
  }
}
