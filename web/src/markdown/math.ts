// Formulas between \( \), \[ \], $$ $$ and $ $. They leave the parser as code elements that hold their TeX; the painter
// turns those into MathML when the typesetter has come, and they stay readable as TeX if it never does.

import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";
import type { OpenEnv } from "./close-open-markup.ts";

const PAIRS = [
  { open: "\\(", close: "\\)", display: false },
  { open: "\\[", close: "\\]", display: true },
  { open: "$$", close: "$$", display: true },
] as const;

const LONGEST_WAIT = 2_000;

export function maths(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "maths", inlineFormula);
  md.block.ruler.before("fence", "maths_block", blockFormula, { alt: ["paragraph", "blockquote", "list"] });
  const { rules, utils } = { rules: md.renderer.rules, utils: md.utils };
  rules["maths"] = (tokens, index) => {
    const token = tokens[index];
    const name = token?.markup === "display" ? "maths maths-block" : "maths";
    return `<code class="${name}">${utils.escapeHtml(token?.content.trim() ?? "")}</code>`;
  };
  rules["maths_wait"] = () => "<p></p>\n";
  rules["maths_block"] = (tokens, index) =>
    `<p><code class="maths maths-block">${utils.escapeHtml(tokens[index]?.content.trim() ?? "")}</code></p>\n`;
}

function inlineFormula(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  if (src[pos] !== "\\" && src[pos] !== "$") return false;
  const pair = PAIRS.find(({ open }) => src.startsWith(open, pos));
  if (pair === undefined) return src[pos] === "$" && dollarFormula(state, silent);
  const end = src.indexOf(pair.close, pos + 2);
  if (end < 0 || end > posMax) {
    // What has no end yet waits for it; text that has ended without one keeps its signs.
    if ((state.env as OpenEnv).half !== true || posMax !== src.length) return false;
    if (!silent) state.pos = posMax;
    return !silent;
  }
  return formula(state, silent, pos + 2, end, end + 2, pair.display);
}

/** Between single dollars: no blank inside the signs, no digit after, or every price would be a formula. */
function dollarFormula(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  if (/[\s$]/.test(src[pos + 1] ?? " ") || /\w/.test(src[pos - 1] ?? " ")) return false;
  const end = src.indexOf("$", pos + 1);
  if (end < 0 || end >= posMax || /[\s\\]/.test(src[end - 1] ?? " ") || /[\w$]/.test(src[end + 1] ?? " "))
    return false;
  if (src.slice(pos, end).includes("\n\n") || end - pos > 400) return false;
  return formula(state, silent, pos + 1, end, end + 1, false);
}

function formula(
  state: StateInline,
  silent: boolean,
  from: number,
  to: number,
  next: number,
  display: boolean,
): boolean {
  if (!silent) {
    const token = state.push("maths", "code", 0);
    token.content = state.src.slice(from, to);
    token.markup = display ? "display" : "";
  }
  state.pos = next;
  return true;
}

/** A display formula over several lines; blank lines do not end it. */
function blockFormula(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  const begin = (state.bMarks[startLine] ?? 0) + (state.tShift[startLine] ?? 0);
  const pair = PAIRS.find(({ open, display }) => display && state.src.startsWith(open, begin));
  if (pair === undefined || (state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  for (let line = startLine; line < endLine; line++) {
    const from = line === startLine ? begin + 2 : (state.bMarks[line] ?? 0);
    const end = state.src.indexOf(pair.close, from);
    if (end < 0 || end > (state.eMarks[line] ?? 0)) continue;
    if (state.src.slice(end + 2, state.eMarks[line]).trim() !== "") return false;
    if (silent) return true;
    const token = state.push("maths_block", "p", 0);
    token.content = state.src.slice(begin + 2, end);
    token.map = [startLine, line + 1];
    state.line = line + 1;
    return true;
  }
  // While text grows, an open formula waits as a whole: its blank lines must not cut it into paragraphs.
  const env: OpenEnv = state.env;
  if (env.growing !== true || silent || state.src.length - begin > LONGEST_WAIT) return false;
  const token = state.push("maths_wait", "p", 0);
  token.map = [startLine, endLine];
  state.line = endLine;
  return true;
}
