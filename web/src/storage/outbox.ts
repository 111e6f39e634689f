// Posts that are not on the server yet, kept across reloads. Each tab keeps its own; what a closed tab left behind is
// taken over after a while. Should two tabs ever send the same post, its key makes that one turn.

import type { Memory } from "./browser-storage.ts";
import type { Post } from "../state/state.ts";

interface Kept {
  readonly at: number;
  readonly posts: readonly Post[];
}

const ABANDONED = 5 * 60_000;

export function keepPosts(memory: Memory, tab: string, posts: readonly Post[], now: number): void {
  const kept: Kept = { at: now, posts };
  memory.write(`outbox.${tab}`, posts.length === 0 ? null : JSON.stringify(kept));
}

/** They come back as not sent, with the same key: sending again can never say something twice. */
export function takePosts(memory: Memory, tab: string, now: number): readonly Post[] {
  const taken: Post[] = [];
  for (const key of memory.keys("outbox.")) {
    const kept = parse(memory.read(key));
    if (key !== `outbox.${tab}` && kept !== null && now - kept.at < ABANDONED) continue;
    memory.write(key, null);
    taken.push(...(kept?.posts ?? []));
  }
  const problem = "The page was closed before the server answered.";
  return taken.map((post) => ({ ...post, status: "failed", problem }));
}

function parse(text: string | null): Kept | null {
  try {
    const value = JSON.parse(text ?? "null") as Partial<Kept> | null;
    return typeof value?.at === "number" && Array.isArray(value.posts)
      ? { at: value.at, posts: value.posts }
      : null;
  } catch {
    return null;
  }
}
