// Puts a growing text on the page: blocks → sanitiser → code headers → as few DOM changes as possible.

import type { MarkdownIt } from "markdown-it";
import { createBlocks } from "./blocks.ts";
import { morphChildren } from "./morph.ts";
import type { Sanitise } from "./sanitise.ts";

export interface Painter {
  paint(text: string, open: boolean): void;
}

export function createPainter(target: HTMLElement, md: MarkdownIt, sanitise: Sanitise): Painter {
  const blocks = createBlocks(md);
  /** Child nodes of `target` that each block owns, so that block numbers can be turned into places. */
  let sizes: number[] = [];

  function show(keep: number, html: readonly string[]): void {
    sizes = sizes.slice(0, keep);
    const from = sizes.reduce((sum, size) => sum + size, 0);
    const nodes: Node[] = [];
    for (const each of html) {
      const fragment = sanitise(each);
      for (const pre of fragment.querySelectorAll("pre")) frameCode(pre);
      for (const table of fragment.querySelectorAll("table")) wrap(table, "table-frame");
      const children = [...fragment.childNodes].filter((node) => node.nodeType === Node.ELEMENT_NODE);
      sizes.push(children.length);
      nodes.push(...children);
    }
    morphChildren(target, nodes, from);
  }

  return {
    paint(text, open) {
      const patch = blocks.update(text, open);
      if (patch.type === "blocks") show(patch.keep, patch.blocks);
      else if (patch.text !== "") lastCode(target)?.append(patch.text);
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
  // Code that is wider than the page scrolls inside itself, also by keyboard.
  pre.setAttribute("tabindex", "0");
}

function wrap(element: Element, className: string): Element {
  const frame = element.ownerDocument.createElement("div");
  frame.className = className;
  element.replaceWith(frame);
  frame.append(element);
  return frame;
}
