// Splits a growing text into finished blocks and one open tail, so that the work per delta depends on the length of the
// tail and not on the length of the answer. Pure: text in, patch out.
//
//   text ──▶ [finished blocks: parsed once] [tail: parsed again with each delta]
//                                            └─ except a long open fence: new code is appended

import type { MarkdownIt, Token } from "markdown-it";
import type { GrowingEnv } from "./close-open-markup.ts";
import { holdBack } from "./hold-back.ts";

/** Either keeps the first `keep` blocks and replaces the rest, or appends text to the open code block at the end. */
export type Patch =
  | { readonly type: "blocks"; readonly keep: number; readonly blocks: readonly string[] }
  | { readonly type: "code"; readonly text: string };

export interface Blocks {
  update(text: string, open: boolean): Patch;
}

/** An open fence with more letters than this grows by appending. It is highlighted when it closes. */
const LONG_CODE = 4_000;

export function createBlocks(md: MarkdownIt): Blocks {
  let env: GrowingEnv = {};
  let finished = 0;
  let offset = 0;
  let previous = "";
  let code: { readonly close: RegExp; shown: number } | null = null;

  function reset(): void {
    env = {};
    finished = 0;
    offset = 0;
    code = null;
  }

  function parseTail(text: string, open: boolean, wholeLines = false): Patch {
    const source = text.slice(offset);
    const decided = open ? holdBack(source) : source;
    const shown = wholeLines ? wholeLinesOf(decided) : decided;
    env.growing = open;
    env.open = open && !/\n[ \t]*\n\s*$/.test(shown);
    const groups = topLevel(md.parse(shown, env));
    const last = groups.at(-1)?.[0];
    const lastStart = last?.map ? lineOffset(shown, last.map[0]) : 0;
    const close = open && last !== undefined ? closeOfLongCode(last, shown, lastStart) : null;
    // Code is appended by whole lines, because a partial line may become the closing fence.
    if (close !== null && !shown.endsWith("\n")) return parseTail(text, open, true);
    const blocks = groups.map((tokens) => md.renderer.render([...tokens], md.options, env));
    const patch: Patch = { type: "blocks", keep: finished, blocks };
    if (close !== null) code = { close, shown: offset + shown.length };
    if (open && groups.length > 1) {
      finished += groups.length - 1;
      offset += lastStart;
    }
    return patch;
  }

  function appendCode(text: string): Patch | null {
    if (code === null) return null;
    const whole = wholeLinesOf(text.slice(code.shown));
    if (code.close.test(whole)) return null;
    code.shown += whole.length;
    return { type: "code", text: whole };
  }

  return {
    update(text, open) {
      const isContinuation = continues(text, previous);
      previous = text;
      if (!isContinuation) reset();
      if (open) {
        const appended = appendCode(text);
        if (appended !== null) return appended;
      }
      code = null;
      if (!open && finished > 0 && hasLateDefinitions(env)) reset();
      return parseTail(text, open);
    },
  };
}

/** A link definition or a note may follow the text that uses it, so the complete text is parsed once more. */
function hasLateDefinitions(env: GrowingEnv): boolean {
  return Object.keys(env.references ?? {}).length > 0 || env.hasFootnotes === true;
}

/** Whether a text goes on from the previous one. Comparing its last letters is enough, and fast. */
function continues(text: string, previous: string): boolean {
  const from = Math.max(0, previous.length - 64);
  return text.length >= previous.length && text.startsWith(previous.slice(from), from);
}

function wholeLinesOf(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

function topLevel(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const groups: Token[][] = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0) groups.push([token]);
    else groups.at(-1)?.push(token);
  }
  return groups;
}

function lineOffset(source: string, line: number): number {
  let at = 0;
  for (let count = 0; count < line; count++) at = source.indexOf("\n", at) + 1;
  return at;
}

/** The pattern that closes the long, unindented fence at the end of the source; null if there is none or it has closed. */
function closeOfLongCode(token: Token, source: string, start: number): RegExp | null {
  const mark = token.markup[0];
  if (token.type !== "fence" || token.content.length < LONG_CODE || source[start] !== mark) return null;
  const close = new RegExp(`^ {0,3}\\${mark}{${token.markup.length},}[ \\t]*$`, "m");
  const body = source.indexOf("\n", start) + 1;
  return body === 0 || close.test(source.slice(body)) ? null : close;
}
