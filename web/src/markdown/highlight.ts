import type { Lazy } from "./lazy.ts";
import type { Highlight } from "./parser.ts";

/** Longer code stays plain: colouring it would hold up the page. */
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

/** Syntax colours; plain text until they have come. */
export function createHighlight(colours: Lazy<{ readonly highlight: Highlight }>): Highlight {
  return (code, language) => {
    if (language === "" || code.length > LONGEST) return null;
    return colours.get()?.highlight(code, ALIASES[language] ?? language) ?? null;
  };
}
