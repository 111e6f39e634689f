import type { Store } from "../app/store.ts";
import type { PageLocation } from "../state/state.ts";
import type { BrowserStorage } from "../storage/browser-storage.ts";
import type { Api } from "../transport/api.ts";
import { errorMessage } from "../transport/http.ts";
import type { Reconnect } from "./reconnect.ts";

/** What actions may touch. main.tsx makes the real ones, tests make their own. */
export interface Dependencies {
  readonly api: Api;
  readonly store: Store;
  readonly storage: BrowserStorage;
  readonly newId: () => string;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly reconnect: Reconnect;
  /** Opens the print dialog of the browser. */
  readonly print: () => void;
  readonly navigate: (location: PageLocation, how?: "push" | "replace") => void;
  /** Tells the other tabs that a thread changed. */
  readonly notifyTabs: (threadId: string) => void;
}

/** Runs an action of the reader. A failure raises an alert; true on success. */
export async function attempt(
  { store, newId }: Dependencies,
  failure: string,
  act: () => Promise<void>,
): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    store.dispatch({ type: "alert.raised", text: `${failure} ${errorMessage(error)}`, id: newId() });
    return false;
  }
}
