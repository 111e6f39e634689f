// CommonMark with tables, strikethrough, bare links, task lists, footnotes, and line breaks as in a chat. Raw HTML is shown as
// text, except for a short list of elements. The sanitizer still checks everything that the parser writes.

import createMarkdownIt, { type MarkdownIt, type MarkdownItOptions, type Token } from "markdown-it";
import { cjkEmphasis } from "./cjk-emphasis.ts";
import { closeOpenMarkup } from "./close-open-markup.ts";
import { footnotes } from "./footnotes.ts";
import { math } from "./math.ts";
import { limitMarks } from "./limit-marks.ts";
import { safeHtml } from "./safe-html.ts";

export type Highlight = (code: string, language: string) => string | null;

export interface ParserOptions {
  /** False for the CommonMark examples, which have no bare links, no formulas, and other rules for links and images. */
  readonly extensions: boolean;
  readonly highlight: Highlight;
}

export function createParser({ extensions, highlight }: ParserOptions): MarkdownIt {
  const options: MarkdownItOptions = { html: false, linkify: extensions, breaks: extensions, maxNesting: 60 };
  const md = new createMarkdownIt(options);
  md.use(closeOpenMarkup);
  if (!extensions) return md;
  md.use(math);
  md.use(cjkEmphasis);
  md.use(safeHtml);
  md.use(footnotes);
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  md.core.ruler.push("task_list", ({ tokens }) => taskList(tokens));
  const { rules } = md.renderer;
  rules["text"] = (tokens, index) => escapeHtml(limitMarks(tokens[index]?.content ?? ""));
  rules["fence"] = (tokens, index) => codeBlock(tokens[index], highlight);
  rules["code_block"] = (tokens, index) => codeBlock(tokens[index], highlight);
  rules["image"] = (tokens, index) => imageLink(tokens, index);
  // Alignment is a class here, because the content security policy refuses style attributes.
  rules["th_open"] = (tokens, index) => cell("th", tokens[index]);
  rules["td_open"] = (tokens, index) => cell("td", tokens[index]);
  return md;
}

export function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** The language of a fence, if its first word looks like one. */
export function languageOf(info: string): string {
  const word = info.trim().split(/\s+/)[0] ?? "";
  return /^[\w+#.-]{1,32}$/.test(word) ? word.toLowerCase() : "";
}

function codeBlock(token: Token | undefined, highlight: Highlight): string {
  if (token === undefined) return "";
  const language = languageOf(token.info);
  const attribute = language === "" ? "" : ` class="language-${language}"`;
  return `<pre><code${attribute}>${highlight(limitMarks(token.content), language) ?? escapeHtml(limitMarks(token.content))}</code></pre>\n`;
}

function cell(tag: string, token: Token | undefined): string {
  const align = /text-align:(left|center|right)/.exec(String(token?.attrGet("style") ?? ""))?.[1];
  return align === undefined ? `<${tag}>` : `<${tag} class="${align}">`;
}

/** An image is shown as a link. Loading it would tell its host that this text was read, and could leak what it says. */
function imageLink(tokens: readonly Token[], index: number): string {
  const token = tokens[index];
  const label = escapeHtml(plainText(token?.children ?? []).trim() || "image");
  const source = String(token?.attrGet("src") ?? "");
  const level = tokens.slice(0, index).reduce((depth, earlier) => depth + linkStep(earlier), 0);
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
