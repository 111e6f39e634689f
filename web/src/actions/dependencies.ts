import type { Api } from "../transport/api.ts";
import { ApiError } from "../transport/api.ts";
import type { Memory } from "../storage/browser-storage.ts";
import type { Place } from "../state/state.ts";
import type { Store } from "../app/store.ts";

/** What actions may touch. Made once in main.tsx; tests make their own. */
export interface World {
  readonly api: Api;
  readonly store: Store;
  readonly memory: Memory;
  readonly newId: () => string;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly go: (place: Place, how?: "push" | "replace") => void;
  /** Tells the other tabs that a thread changed. */
  readonly tell: (threadId: string) => void;
}

export function reasonOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : "Something went wrong.";
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 410);
}

/** Does something the reader asked for; a failure is said, never swallowed. */
export async function attempt(
  { store, newId }: World,
  what: string,
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    store.dispatch({ type: "alert.raised", text: `${what} ${reasonOf(error)}`, id: newId() });
    return false;
  }
}
