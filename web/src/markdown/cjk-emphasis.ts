// Emphasis beside Chinese, Japanese and Korean text. CommonMark decides by spaces and punctuation whether "**" opens or closes,
// but these scripts have no spaces: in **「重点」**内容 the second mark would not close. Here a CJK character beside a mark
// counts as a boundary, as in the proposal of https://github.com/tats-u/markdown-cjk-friendly.

import type { MarkdownIt } from "markdown-it";

const CJK =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3000-\u303f\uff00-\uffef]/u;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const SPACE = /\s/;

export function cjkEmphasis(md: MarkdownIt): void {
  md.inline.State = class extends md.inline.State {
    override scanDelims(start: number, canSplitWord: boolean) {
      const scanned = super.scanDelims(start, canSplitWord);
      const before = characterBefore(this.src, start);
      const after = characterAt(this.src, start + scanned.length);
      if (!CJK.test(before) && !CJK.test(after)) return scanned;
      const opens = !SPACE.test(after) && (!isOtherPunctuation(after) || isBoundary(before));
      const closes = !SPACE.test(before) && (!isOtherPunctuation(before) || isBoundary(after));
      return {
        length: scanned.length,
        can_open: opens && (canSplitWord || !closes || PUNCTUATION.test(before)),
        can_close: closes && (canSplitWord || !opens || PUNCTUATION.test(after)),
      };
    }
  };
}

function isBoundary(character: string): boolean {
  return SPACE.test(character) || PUNCTUATION.test(character) || CJK.test(character);
}

function isOtherPunctuation(character: string): boolean {
  return PUNCTUATION.test(character) && !CJK.test(character);
}

/** The character at an index; a space at the end. */
function characterAt(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? " " : String.fromCodePoint(code);
}

function characterBefore(text: string, index: number): string {
  if (index === 0) return " ";
  const isPair = /[\udc00-\udfff]/.test(text.charAt(index - 1)) && index > 1;
  return characterAt(text, isPair ? index - 2 : index - 1);
}
