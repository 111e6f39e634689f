// Formulas between \( \), \[ \], $$ $$ and $ $. The parser writes them as code elements with their TeX. The painter replaces
// those by MathML once the typesetter has loaded; without it they stay readable as TeX.

import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";
import type { GrowingEnv } from "./close-open-markup.ts";

const PAIRS = [
  { open: "\\(", close: "\\)", display: false },
  { open: "\\[", close: "\\]", display: true },
  { open: "$$", close: "$$", display: true },
] as const;

/** An open formula with more letters than this is shown as text. */
const MAX_OPEN = 2_000;
/** A formula between single dollars has at most this many letters. */
const MAX_INLINE = 400;

export function math(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "math", inlineFormula);
  md.block.ruler.before("fence", "math_block", blockFormula, { alt: ["paragraph", "blockquote", "list"] });
  const { rules, utils } = { rules: md.renderer.rules, utils: md.utils };
  rules["math"] = (tokens, index) => {
    const token = tokens[index];
    const name = token?.markup === "display" ? "math math-block" : "math";
    return `<code class="${name}">${utils.escapeHtml(token?.content.trim() ?? "")}</code>`;
  };
  rules["math_open"] = () => "<p></p>\n";
  rules["math_block"] = (tokens, index) =>
    `<p><code class="math math-block">${utils.escapeHtml(tokens[index]?.content.trim() ?? "")}</code></p>\n`;
}

function inlineFormula(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  if (src[pos] !== "\\" && src[pos] !== "$") return false;
  const pair = PAIRS.find(({ open }) => src.startsWith(open, pos));
  if (pair === undefined) return src[pos] === "$" && dollarFormula(state, silent);
  const end = src.indexOf(pair.close, pos + 2);
  if (end < 0 || end > posMax) {
    // A formula without its end is hidden while text grows. In complete text its signs are shown.
    if ((state.env as GrowingEnv).unfinished !== true || posMax !== src.length) return false;
    if (!silent) state.pos = posMax;
    return !silent;
  }
  // "($$) and ($$$)" rates prices.
  if (pair.open === "$$" && /^[\s)\]},;:–—-]*(?:$|[)\]])/.test(src.slice(pos + 2, end))) return false;
  return formula(state, silent, pos + 2, end, end + 2, pair.display);
}

/** Between single dollars: no blank inside the signs and no digit after them, or every price would be a formula. */
function dollarFormula(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  if (/[\s$]/.test(src[pos + 1] ?? " ") || /\w/.test(src[pos - 1] ?? " ")) return false;
  const end = src.indexOf("$", pos + 1);
  if (end < 0 || end >= posMax || /[\s\\]/.test(src[end - 1] ?? " ") || /[\w$]/.test(src[end + 1] ?? " "))
    return false;
  if (end - pos > MAX_INLINE || src.slice(pos, end).includes("\n\n") || isPrice(src.slice(pos + 1, end)))
    return false;
  return formula(state, silent, pos + 1, end, end + 1, false);
}

/** Words after an amount, as in "$5 (about 4$)", are a price; an amount with signs of a formula is none. */
function isPrice(text: string): boolean {
  return (
    /^\d[\d.,]*(?:[kKmMbB]n?)?(?![\w.,])/.test(text) && /\p{L}{2,}/u.test(text) && !/[\\^_={}]/.test(text)
  );
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
    const token = state.push("math", "code", 0);
    token.content = state.src.slice(from, to);
    token.markup = display ? "display" : "";
  }
  state.pos = next;
  return true;
}

/** A display formula over several lines, which may contain blank lines. */
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
    const token = state.push("math_block", "p", 0);
    token.content = state.src.slice(begin + 2, end);
    token.map = [startLine, line + 1];
    state.line = line + 1;
    return true;
  }
  // While text grows, an open formula is hidden as a whole, so that its blank lines do not make paragraphs of it.
  const env: GrowingEnv = state.env;
  if (env.growing !== true || silent || state.src.length - begin > MAX_OPEN) return false;
  const token = state.push("math_open", "p", 0);
  token.map = [startLine, endLine];
  state.line = endLine;
  return true;
}
