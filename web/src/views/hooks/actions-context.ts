import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Summaries } from "../../actions/summaries.ts";
import type { Threads } from "../../actions/threads.ts";
import type { Turns } from "../../actions/turns.ts";
import type { Api } from "../../transport/api.ts";
import type { Painter } from "../../markdown/paint.ts";
import type { Memory } from "../../storage/browser-storage.ts";
import type { Place } from "../../state/state.ts";
import type { Store } from "../../app/store.ts";
import type { Theme } from "../../app/theme.ts";

/** What views can make happen. */
export interface Deeds {
  readonly api: Api;
  readonly store: Store;
  readonly turns: Turns;
  readonly threads: Threads;
  readonly summaries: Summaries;
  readonly memory: Memory;
  readonly session: Memory;
  readonly theme: Theme;
  readonly newId: () => string;
  readonly go: (place: Place, how?: "push" | "replace") => void;
  readonly start: (text: string) => void;
  readonly useToken: (token: string, remember: boolean) => void;
  readonly painter: (target: HTMLElement) => Painter;
  /** Calls back when syntax colours or typeset formulas have become available. */
  readonly onFinery: (listener: () => void) => void;
}

export const DeedsContext = createContext<Deeds | null>(null);

export function useDeeds(): Deeds {
  const deeds = useContext(DeedsContext);
  if (deeds === null) throw new Error("There are no deeds above this view.");
  return deeds;
}
