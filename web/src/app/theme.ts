import type { BrowserStorage } from "../storage/browser-storage.ts";

export type ThemeChoice = "system" | "light" | "dark";

export interface Theme {
  readonly choice: () => ThemeChoice;
  readonly choose: (choice: ThemeChoice) => void;
}

/** The theme. `assets/theme-2.js` sets it before the first paint and reads the same key. */
export function createTheme(storage: BrowserStorage, root: HTMLElement): Theme {
  return {
    choice() {
      const stored = storage.read("theme");
      return stored === "light" || stored === "dark" ? stored : "system";
    },
    choose(choice) {
      storage.write("theme", choice === "system" ? null : choice);
      if (choice === "system") delete root.dataset["theme"];
      else root.dataset["theme"] = choice;
    },
  };
}
