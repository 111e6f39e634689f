// The few HTML elements that models write in Markdown: <br>, <sub>, <sup>, <kbd>, and <details> with a <summary>. They are
// parsed as markup of their own, without attributes. All other HTML is shown as text.

import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";
import type { GrowingEnv } from "./close-open-markup.ts";

/** A closing tag is searched within this many letters, so that tags without one cost little. */
const MAX_LENGTH = 500;
const LINE_BREAK = /<br\s{0,3}\/?>/iy;
const OPENING = /<(sub|sup|kbd)>/iy;
const SUMMARY = /^\s*<summary>(.*?)<\/summary>(.*)$/i;
const DETAILS = /^<details(?: open)?>(.*)$/i;

export function safeHtml(md: MarkdownIt): void {
  md.inline.ruler.before("autolink", "safe_html", inlineElement);
  md.block.ruler.before("fence", "details", details, { alt: ["paragraph", "blockquote", "list"] });
}

function inlineElement(state: StateInline, silent: boolean): boolean {
  if (state.src[state.pos] !== "<") return false;
  LINE_BREAK.lastIndex = state.pos;
  const lineBreak = LINE_BREAK.exec(state.src);
  if (lineBreak !== null) {
    if (!silent) state.push("hardbreak", "br", 0);
    state.pos += lineBreak[0].length;
    return true;
  }
  OPENING.lastIndex = state.pos;
  const [opening, name] = OPENING.exec(state.src) ?? [];
  return opening !== undefined && name !== undefined && element(state, name.toLowerCase(), silent);
}

function element(state: StateInline, tag: string, silent: boolean): boolean {
  const from = state.pos + tag.length + 2;
  const close = `</${tag}>`;
  const found = state.src
    .slice(from, Math.min(state.posMax, from + MAX_LENGTH))
    .toLowerCase()
    .indexOf(close);
  // While text grows, the element ends where the text ends.
  const isOpen =
    found < 0 && (state.env as GrowingEnv).unfinished === true && state.posMax - from < MAX_LENGTH;
  if (found < 0 && !isOpen) return false;
  const { posMax } = state;
  const end = isOpen ? posMax : from + found;
  if (!silent) {
    state.push(`${tag}_open`, tag, 1);
    state.pos = from;
    state.posMax = end;
    state.md.inline.tokenize(state);
    state.posMax = posMax;
    state.push(`${tag}_close`, tag, -1);
  }
  state.pos = isOpen ? posMax : end + close.length;
  return true;
}

/** Without its end, which may still arrive, the element goes on to the end of the text. */
function details(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  const opening = DETAILS.exec(lineOf(state, startLine));
  if (opening === null) return false;
  if (silent) return true;
  let rest = opening[1] ?? "";
  let line = startLine;
  if (rest.trim() === "" && line + 1 < endLine && SUMMARY.test(lineOf(state, line + 1))) {
    line++;
    rest = lineOf(state, line);
  }
  const summary = SUMMARY.exec(rest);
  if (summary !== null) rest = summary[2] ?? "";
  const endsHere = /<\/details>\s*$/i.test(rest);
  const end = endsHere ? line : closingLine(state, line + 1, endLine);
  const next = Math.min(end + 1, endLine);

  state.push("details_open", "details", 1).map = [startLine, next];
  inlineBlock(state, "summary", summary?.[1]?.trim() || "Details", startLine);
  const text = rest.replace(/<\/details>\s*$/i, "").trim();
  if (text !== "") inlineBlock(state, "p", text, line);
  if (!endsHere) {
    const { lineMax } = state;
    state.lineMax = end;
    state.md.block.tokenize(state, line + 1, end);
    state.lineMax = lineMax;
  }
  state.push("details_close", "details", -1);
  state.line = next;
  return true;
}

function lineOf(state: StateBlock, line: number): string {
  return state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
}

/** The line of the closing tag that belongs to an element that is open before `line`. */
function closingLine(state: StateBlock, line: number, endLine: number): number {
  let depth = 1;
  for (let at = line; at < endLine; at++) {
    const text = lineOf(state, at);
    if (DETAILS.test(text) && !/<\/details>\s*$/i.test(text)) depth++;
    else if (/^<\/details>/i.test(text) && --depth === 0) return at;
  }
  return endLine;
}

function inlineBlock(state: StateBlock, tag: string, text: string, line: number): void {
  const type = tag === "p" ? "paragraph" : tag;
  state.push(`${type}_open`, tag, 1);
  const inline = state.push("inline", "", 0);
  inline.content = text;
  inline.map = [line, line + 1];
  inline.children = [];
  state.push(`${type}_close`, tag, -1);
}
