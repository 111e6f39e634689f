// CommonMark plus tables, strikethrough, bare links and task lists. Raw HTML is off: it shows as the text it is.
// Everything this writes still goes through the sanitiser.

import createMarkdownIt, { type MarkdownIt, type MarkdownItOptions, type Token } from "markdown-it";
import { halfOpen } from "./close-open-markup.ts";
import { maths } from "./math.ts";
import { tame } from "./limit-marks.ts";

export type Highlight = (code: string, language: string) => string | null;

export interface ParserChoices {
  /** Off for comparing with the CommonMark examples, which know neither bare links nor our rules for links and images. */
  readonly house: boolean;
  readonly highlight: Highlight;
}

export function createParser({ house, highlight }: ParserChoices): MarkdownIt {
  const options: MarkdownItOptions = { html: false, linkify: house, maxNesting: 60 };
  const md = new createMarkdownIt(options);
  md.use(halfOpen);
  if (!house) return md;
  md.use(maths);
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  md.core.ruler.push("task_list", ({ tokens }) => taskList(tokens));
  const { rules } = md.renderer;
  rules["text"] = (tokens, index) => escapeHtml(tame(tokens[index]?.content ?? ""));
  rules["fence"] = (tokens, index) => codeBlock(tokens[index], highlight);
  rules["code_block"] = (tokens, index) => codeBlock(tokens[index], highlight);
  rules["image"] = (tokens, index) => imageLink(tokens, index);
  // Alignment comes as a style attribute, which the content security policy refuses; a class does the same.
  rules["th_open"] = (tokens, index) => cell("th", tokens[index]);
  rules["td_open"] = (tokens, index) => cell("td", tokens[index]);
  return md;
}

export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** The language word of a fence, if it looks like one. */
export function languageOf(info: string): string {
  const word = info.trim().split(/\s+/)[0] ?? "";
  return /^[\w+#.-]{1,32}$/.test(word) ? word.toLowerCase() : "";
}

function codeBlock(token: Token | undefined, highlight: Highlight): string {
  if (token === undefined) return "";
  const language = languageOf(token.info);
  const attribute = language === "" ? "" : ` class="language-${language}"`;
  return `<pre><code${attribute}>${highlight(tame(token.content), language) ?? escapeHtml(tame(token.content))}</code></pre>\n`;
}

function cell(tag: string, token: Token | undefined): string {
  const align = /text-align:(left|center|right)/.exec(String(token?.attrGet("style") ?? ""))?.[1];
  return align === undefined ? `<${tag}>` : `<${tag} class="${align}">`;
}

/** An image is a link to it: loading it would tell its host that this text was read, and what it says. */
function imageLink(tokens: readonly Token[], index: number): string {
  const token = tokens[index];
  const label = escapeHtml(plainText(token?.children ?? []).trim() || "image");
  const source = String(token?.attrGet("src") ?? "");
  const level = tokens.slice(0, index).reduce((depth, each) => depth + linkStep(each), 0);
  if (level > 0 || !/^https?:/i.test(source)) return label;
  return `<a class="image-link" href="${escapeHtml(source)}">${label}</a>`;
}

function linkStep(token: Token): number {
  return token.type === "link_open" ? 1 : token.type === "link_close" ? -1 : 0;
}

function plainText(tokens: readonly Token[]): string {
  return tokens
    .map((token) => (token.type === "image" ? plainText(token.children ?? []) : token.content))
    .join("");
}

const BOXES: Readonly<Record<string, string>> = { "[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ " };

function taskList(tokens: readonly Token[]): void {
  for (const [index, token] of tokens.entries()) {
    if (token.type !== "inline" || tokens[index - 2]?.type !== "list_item_open") continue;
    const first = token.children?.[0];
    const box = first?.type === "text" ? BOXES[first.content.slice(0, 4)] : undefined;
    if (first === undefined || box === undefined) continue;
    first.content = box + first.content.slice(4);
    tokens[index - 2]?.attrSet("class", "task");
  }
}
