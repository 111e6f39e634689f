// Closes inline markup whose end has not arrived yet: text after "**" is bold from its first letter, instead of changing
// from asterisks to bold when the closing ones arrive. This concerns only the last inline text of a source that is parsed
// with `env.open`; everything before it is decided.

import type { Env, MarkdownIt, StateInline, Token } from "markdown-it";

export interface GrowingEnv extends Env {
  /** The source ends in the middle of a block. */
  open?: boolean;
  /** More text will arrive, whether or not the last block has ended. */
  growing?: boolean;
  /** Set while the unfinished inline text is parsed. */
  unfinished?: boolean;
  /** The labels of the notes so far. */
  footnotes?: Set<string>;
  /** Something looks like a reference to a note. */
  hasFootnotes?: boolean;
}

const MAX_LABEL = 400;
/** More open markers than this are an attack or a mistake, and stay as they are. */
const MAX_OPENERS = 16;
const BACKTICK = 0x60;
const BRACKET = 0x5b;
const BANG = 0x21;

export function closeOpenMarkup(md: MarkdownIt): void {
  md.core.ruler.at("inline", (state) => {
    const { tokens } = state;
    const env: GrowingEnv = state.env;
    const last = lastOpenInline(tokens, env);
    for (const token of tokens) {
      if (token.type !== "inline") continue;
      env.unfinished = token === last;
      md.inline.parse(token.content, md, env, token.children ?? []);
    }
    env.unfinished = false;
  });
  md.inline.ruler.before("backticks", "open_code", closeCode);
  md.inline.ruler.after("link", "open_link", closeLink);
  md.inline.ruler2.after("balance_pairs", "open_emphasis", (state) => {
    closeEmphasis(state);
    return false;
  });
}

function lastOpenInline(tokens: readonly Token[], env: GrowingEnv): Token | undefined {
  if (env.open !== true) return undefined;
  const index = tokens.findLastIndex((token) => token.nesting === 0);
  return tokens[index]?.type === "inline" ? tokens[index] : undefined;
}

function isUnfinished(state: StateInline): boolean {
  return (state.env as GrowingEnv).unfinished === true && state.posMax === state.src.length;
}

/** A run of backticks without a closing run makes code of everything up to the end. */
function closeCode(state: StateInline, silent: boolean): boolean {
  if (silent || state.src.charCodeAt(state.pos) !== BACKTICK || !isUnfinished(state)) return false;
  let end = state.pos;
  while (state.src.charCodeAt(end) === BACKTICK) end++;
  const run = state.src.slice(state.pos, end);
  const rest = state.src.slice(end);
  if (new RegExp(`(?<!\`)${run}(?!\`)`).test(rest)) return false;
  const token = state.push("code_inline", "code", 0);
  token.markup = run;
  token.content = rest.replace(/\n/g, " ").replace(/^ /, "");
  state.pos = state.posMax;
  return true;
}

/** "[label" and "[label](addr" show their label. The link works once its address is complete. */
function closeLink(state: StateInline, silent: boolean): boolean {
  if (silent || !isUnfinished(state)) return false;
  const start = state.src.charCodeAt(state.pos) === BANG ? state.pos + 1 : state.pos;
  if (state.src.charCodeAt(start) !== BRACKET) return false;
  const end = labelEnd(state.src, start);
  if (end < 0) {
    if (state.posMax - start > MAX_LABEL) return false;
    state.pos = start + 1;
    return true;
  }
  const rest = state.src.slice(end + 1);
  if (rest !== "" && !/^\([^)\n]*$/.test(rest)) return false;
  const { posMax } = state;
  state.pos = start + 1;
  state.posMax = end;
  state.md.inline.tokenize(state);
  state.pos = posMax;
  state.posMax = posMax;
  return true;
}

function labelEnd(source: string, start: number): number {
  let depth = 0;
  for (let at = start; at < source.length && at - start < 2 * MAX_LABEL; at++) {
    const char = source[at];
    if (char === "\\") at++;
    else if (char === "[") depth++;
    else if (char === "]" && --depth === 0) return at;
  }
  return -1;
}

/** Adds a closer at the end for each open marker, innermost first. */
function closeEmphasis(state: StateInline): void {
  if (!isUnfinished(state)) return;
  const { delimiters } = state;
  // A marker that could also close, as in "2*3", is more likely a plain sign.
  const openers = delimiters.filter(({ end, open, close }) => end === -1 && open && !close).reverse();
  if (openers.length > MAX_OPENERS) return;
  for (const opener of openers) {
    const token = state.push("text", "", 0);
    token.content = state.tokens[opener.token]?.content ?? "";
    opener.end = delimiters.length;
    delimiters.push({ ...opener, token: state.tokens.length - 1, end: -1, open: false, close: true });
  }
}
