import type { Memory } from "../storage/browser-storage.ts";

export type ThemeChoice = "system" | "light" | "dark";

export interface Theme {
  readonly choice: () => ThemeChoice;
  readonly choose: (choice: ThemeChoice) => void;
}

/** The first paint is handled by assets/theme-1.js, which reads the same key. */
export function createTheme(memory: Memory, root: HTMLElement): Theme {
  return {
    choice() {
      const stored = memory.read("theme");
      return stored === "light" || stored === "dark" ? stored : "system";
    },
    choose(choice) {
      memory.write("theme", choice === "system" ? null : choice);
      if (choice === "system") delete root.dataset["theme"];
      else root.dataset["theme"] = choice;
    },
  };
}
