// Shows a growing text on the page: blocks → sanitizer → code headers → as few DOM changes as possible.

import type { MarkdownIt } from "markdown-it";
import { createBlocks } from "./blocks.ts";
import { matching, setDirections } from "./direction.ts";
import { patchChildren } from "./dom-patch.ts";
import { linkFootnotes } from "./footnote-links.ts";
import type { Sanitize } from "./sanitize.ts";

export interface Painter {
  paint(text: string, open: boolean): void;
}

/** TeX to MathML; null while the typesetter loads, and for TeX that it cannot read. */
export type Typeset = (tex: string, display: boolean) => Element | null;

export function createPainter(
  target: HTMLElement,
  md: MarkdownIt,
  sanitize: Sanitize,
  typeset: Typeset,
  /** Begins the ids of its notes. */
  prefix = "",
): Painter {
  const blocks = createBlocks(md);

  function show(keep: number, html: readonly string[]): void {
    const nodes = elements(html, sanitize);
    for (const node of nodes) {
      for (const pre of matching(node, "pre")) frameCode(pre);
      for (const table of matching(node, "table")) wrap(table, "table-frame");
      setDirections(node);
      for (const code of node.querySelectorAll("code.math")) setFormula(code, typeset);
    }
    // A node may now be inside a frame; then the frame is what belongs to the block.
    patchChildren(target, nodes.map(outermost), keep);
  }

  return {
    paint(text, open) {
      const patch = blocks.update(text, open);
      if (patch.type === "blocks") show(patch.keep, patch.blocks);
      else if (patch.text !== "") lastCode(target)?.append(patch.text);
      if (!open) linkFootnotes(target, prefix);
    },
  };
}

function lastCode(target: HTMLElement): Element | null {
  return target.lastElementChild?.querySelector("pre > code") ?? null;
}

function frameCode(pre: Element): void {
  const document = pre.ownerDocument;
  const language = /language-([\w+#.-]+)/.exec(pre.querySelector("code")?.className ?? "")?.[1] ?? "";
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const label = document.createElement("span");
  label.className = "code-language";
  label.textContent = language || "text";
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "code-copy";
  copy.textContent = "Copy";
  bar.append(label, copy);
  const frame = wrap(pre, "code-frame");
  frame.prepend(bar);
  // Code that is wider than the page scrolls by keyboard too.
  pre.setAttribute("tabindex", "0");
}

function setFormula(code: Element, typeset: Typeset): void {
  const display = code.classList.contains("math-block");
  const formula = typeset(code.textContent ?? "", display);
  if (formula === null) return;
  code.replaceWith(formula);
  if (display) wrap(formula, "math-frame");
}

function wrap(element: Element, className: string): Element {
  const frame = element.ownerDocument.createElement("div");
  frame.className = className;
  element.replaceWith(frame);
  frame.append(element);
  return frame;
}

/** One element per block, so that the number of a block is the number of its child. */
function elements(html: readonly string[], sanitize: Sanitize): readonly Element[] {
  const all = [...sanitize(html.join("")).children];
  if (all.length === html.length) return all;
  return html.map((block) => {
    const fragment = sanitize(block);
    const holder = (fragment.ownerDocument ?? document).createElement("div");
    holder.append(fragment);
    return holder;
  });
}

function outermost(node: Element): Element {
  return node.parentElement?.matches(".code-frame, .table-frame") ? node.parentElement : node;
}
