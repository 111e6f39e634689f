import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { InstructionsActions } from "../../actions/instructions.ts";
import type { Summaries } from "../../actions/summaries.ts";
import type { Threads } from "../../actions/threads.ts";
import type { Turns } from "../../actions/turns.ts";
import type { Store } from "../../app/store.ts";
import type { Theme } from "../../app/theme.ts";
import type { Urls } from "../../app/url.ts";
import type { Painter } from "../../markdown/paint.ts";
import type { PageLocation } from "../../state/state.ts";
import type { BrowserStorage } from "../../storage/browser-storage.ts";
import type { Api } from "../../transport/api.ts";

/** Everything a view can do. */
export interface Actions {
  readonly api: Api;
  readonly store: Store;
  readonly turns: Turns;
  readonly threads: Threads;
  readonly summaries: Summaries;
  readonly instructions: InstructionsActions;
  /** Kept until it is deleted. */
  readonly storage: BrowserStorage;
  /** Kept until this tab closes. */
  readonly tabStorage: BrowserStorage;
  readonly urls: Urls;
  /** See `useRowState`. */
  readonly rowStates: Map<string, unknown>;
  readonly theme: Theme;
  readonly newId: () => string;
  readonly navigate: (location: PageLocation, how?: "push" | "replace") => void;
  readonly startThread: (text: string) => void;
  readonly useToken: (token: string, remember: boolean) => void;
  readonly painter: (target: HTMLElement) => Painter;
  /** Calls back once the syntax highlighter or the formula typesetter has loaded. */
  readonly onRendererReady: (listener: () => void) => void;
}

export const ActionsContext = createContext<Actions | null>(null);

export function useActions(): Actions {
  const actions = useContext(ActionsContext);
  if (actions === null) throw new Error("There is no ActionsContext above this view.");
  return actions;
}
