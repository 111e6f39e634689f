// Footnotes: "[^1]" in the text, and "[^1]: the note" as a paragraph of its own, where it stands. footnote-links.ts links them
// once the text is complete.

import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";
import type { GrowingEnv } from "./close-open-markup.ts";

const REFERENCE = /\[\^([^\]\s[^]{1,40})\](?!\()/y;
const DEFINITION = /^\[\^([^\]\s[^]{1,40})\]:[ \t]*(.*)$/;

export function footnotes(md: MarkdownIt): void {
  md.inline.ruler.before("link", "footnote_reference", reference);
  md.block.ruler.before("reference", "footnote", definition, { alt: ["paragraph"] });
  const { rules } = md.renderer;
  const { escapeHtml } = md.utils;
  rules["footnote_reference"] = (tokens, index) =>
    `<sup class="footnote-reference">${escapeHtml(tokens[index]?.content ?? "")}</sup>`;
  rules["footnote_open"] = (tokens, index) =>
    `<p class="footnote"><sup>${escapeHtml(tokens[index]?.info ?? "")}</sup> `;
}

/** A reference needs its note. While text grows, the note may still arrive. */
function reference(state: StateInline, silent: boolean): boolean {
  if (state.src[state.pos] !== "[") return false;
  REFERENCE.lastIndex = state.pos;
  const [source, label] = REFERENCE.exec(state.src) ?? [];
  if (source === undefined || label === undefined || state.pos + source.length > state.posMax) return false;
  const env: GrowingEnv = state.env;
  env.hasFootnotes = true;
  if (env.growing !== true && env.footnotes?.has(label) !== true) return false;
  if (!silent) state.push("footnote_reference", "sup", 0).content = label;
  state.pos += source.length;
  return true;
}

function definition(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  const [, label, first] = DEFINITION.exec(lineOf(state, startLine)) ?? [];
  if (label === undefined || first === undefined) return false;
  if (silent) return true;
  const lines = [first];
  let next = startLine + 1;
  for (; next < endLine && !state.isEmpty(next); next++) {
    const line = lineOf(state, next);
    if (DEFINITION.test(line) || (state.sCount[next] ?? 0) < state.blkIndent) break;
    lines.push(line);
  }
  const env: GrowingEnv = state.env;
  env.footnotes ??= new Set();
  env.footnotes.add(label);
  const open = state.push("footnote_open", "p", 1);
  open.info = label;
  open.map = [startLine, next];
  const inline = state.push("inline", "", 0);
  inline.content = lines.join("\n").trim();
  inline.map = [startLine, next];
  inline.children = [];
  state.push("footnote_close", "p", -1);
  state.line = next;
  return true;
}

function lineOf(state: StateBlock, line: number): string {
  return state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
}
