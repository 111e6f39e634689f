import type { Lazy } from "./lazy.ts";
import type { Highlight } from "./parser.ts";

/** Longer code stays plain, because highlighting it would block the page. */
const MAX_LENGTH = 60_000;
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

/** Highlights code; null while the highlighter loads and for code without a known language. */
export function createHighlight(highlighter: Lazy<{ readonly highlight: Highlight }>): Highlight {
  return (code, language) => {
    if (language === "" || code.length > MAX_LENGTH) return null;
    return highlighter.get()?.highlight(code, ALIASES[language] ?? language) ?? null;
  };
}
