// Syntax colours come in their own chunk, asked for when the first code block with a known language appears.

import type { Highlight } from "./parser.ts";

const LONGEST = 60_000;
const ALIASES: Readonly<Record<string, string>> = {
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  ts: "typescript",
  tsx: "typescript",
  py: "python",
  sh: "bash",
  shell: "bash",
  zsh: "bash",
  console: "bash",
  yml: "yaml",
  html: "xml",
  svg: "xml",
  vue: "xml",
  rs: "rust",
  rb: "ruby",
  cs: "csharp",
  "c++": "cpp",
  h: "c",
  hpp: "cpp",
  golang: "go",
  kt: "kotlin",
  toml: "ini",
  md: "markdown",
  docker: "dockerfile",
  patch: "diff",
  jsonc: "json",
  json5: "json",
  postgresql: "sql",
  mysql: "sql",
};

export interface Highlighter {
  readonly highlight: Highlight;
  /** Called once when colours have become available. */
  onReady(listener: () => void): void;
}

export function createHighlighter(load: () => Promise<{ highlight: Highlight }>): Highlighter {
  let colours: Highlight | null = null;
  let asked = false;
  const listeners = new Set<() => void>();
  return {
    highlight(code, language) {
      if (language === "" || code.length > LONGEST) return null;
      if (colours !== null) return colours(code, ALIASES[language] ?? language);
      if (!asked) {
        asked = true;
        load().then(
          (loaded) => {
            colours = loaded.highlight;
            for (const listener of listeners) listener();
            listeners.clear();
          },
          () => {
            // Without colours the code is still all there; the next block may try again.
            asked = false;
          },
        );
      }
      return null;
    },
    onReady(listener) {
      if (colours === null) listeners.add(listener);
    },
  };
}
