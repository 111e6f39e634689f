// Inline markup whose end has not arrived yet is shown as if it had: text after "**" is bold from its first letter,
// instead of switching from literal asterisks to bold when the closing ones come. Only the last inline text of a
// source parsed with `env.open` is treated so; everything before it is already decided.

import type { Env, MarkdownIt, StateInline, Token } from "markdown-it";

export interface OpenEnv extends Env {
  /** The source ends in the middle of a block. */
  open?: boolean;
  /** More text will come, whether or not the last block has ended. */
  growing?: boolean;
  /** Set while the one half-open inline text is parsed. */
  half?: boolean;
}

const LONGEST_LABEL = 400;
/** More open markers than this are an attack or a mistake: left alone, they stay flat. */
const MOST_OPENERS = 16;
const BACKTICK = 0x60;
const BRACKET = 0x5b;
const BANG = 0x21;

export function halfOpen(md: MarkdownIt): void {
  md.core.ruler.at("inline", (state) => {
    const { tokens } = state;
    const env: OpenEnv = state.env;
    const last = lastOpenInline(tokens, env);
    for (const token of tokens) {
      if (token.type !== "inline") continue;
      env.half = token === last;
      md.inline.parse(token.content, md, env, token.children ?? []);
    }
    env.half = false;
  });
  md.inline.ruler.before("backticks", "half_code", halfCode);
  md.inline.ruler.after("link", "half_link", halfLink);
  md.inline.ruler2.after("balance_pairs", "half_emphasis", (state) => {
    closeEmphasis(state);
    return false;
  });
}

function lastOpenInline(tokens: readonly Token[], env: OpenEnv): Token | undefined {
  if (env.open !== true) return undefined;
  const index = tokens.findLastIndex((token) => token.nesting === 0);
  return tokens[index]?.type === "inline" ? tokens[index] : undefined;
}

function isHalf(state: StateInline): boolean {
  return (state.env as OpenEnv).half === true && state.posMax === state.src.length;
}

/** A run of backticks without its partner opens code up to the end. */
function halfCode(state: StateInline, silent: boolean): boolean {
  if (silent || state.src.charCodeAt(state.pos) !== BACKTICK || !isHalf(state)) return false;
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

/** "[label" and "[label](addr" show their label; the address shows when it is whole. */
function halfLink(state: StateInline, silent: boolean): boolean {
  if (silent || !isHalf(state)) return false;
  const start = state.src.charCodeAt(state.pos) === BANG ? state.pos + 1 : state.pos;
  if (state.src.charCodeAt(start) !== BRACKET) return false;
  const end = labelEnd(state.src, start);
  if (end < 0) {
    if (state.posMax - start > LONGEST_LABEL) return false;
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
  for (let at = start; at < source.length && at - start < 2 * LONGEST_LABEL; at++) {
    const char = source[at];
    if (char === "\\") at++;
    else if (char === "[") depth++;
    else if (char === "]" && --depth === 0) return at;
  }
  return -1;
}

/** Gives each opener that still waits a closer at the very end, innermost first. */
function closeEmphasis(state: StateInline): void {
  if (!isHalf(state)) return;
  const { delimiters } = state;
  // What could also close ("2*3") is more likely a plain sign.
  const openers = delimiters.filter(({ end, open, close }) => end === -1 && open && !close).reverse();
  if (openers.length > MOST_OPENERS) return;
  for (const opener of openers) {
    const token = state.push("text", "", 0);
    token.content = state.tokens[opener.token]?.content ?? "";
    opener.end = delimiters.length;
    delimiters.push({ ...opener, token: state.tokens.length - 1, end: -1, open: false, close: true });
  }
}
