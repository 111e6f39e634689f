// Posts that are not on the server yet, kept across reloads. Each tab saves its own; what a closed tab left behind is taken
// over by another tab after a while. If two tabs ever send the same post, its key makes that one turn.

import { type Post, waitsForReader } from "../state/state.ts";
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

/**
 * The posts of this tab before its reload, and those of tabs that closed. They keep their keys, so sending them again cannot
 * duplicate a message. What was queued shortly before goes on; what is older, or of another tab, waits for the reader.
 */
export function restorePosts(storage: BrowserStorage, tab: string, now: number): readonly Post[] {
  const restored: Post[] = [];
  for (const key of storage.keys("outbox.")) {
    const saved = parse(storage.read(key));
    if (key !== `outbox.${tab}` && saved !== null && now - saved.at < ABANDONED_AFTER) continue;
    storage.write(key, null);
    if (saved === null) continue;
    const goesOn = key === `outbox.${tab}` && now - saved.at < ABANDONED_AFTER;
    restored.push(...saved.posts.map((post) => (waitsForReader(post) ? post : resumed(post, goesOn))));
  }
  return restored;
}

function resumed(post: Post, goesOn: boolean): Post {
  return goesOn
    ? { ...post, status: "queued", problem: null }
    : { ...post, status: "held", problem: "The page was closed before this was sent." };
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
