// Marks the words that are sought, in the messages that are rendered. The marks are highlights of the browser (CSS Custom
// Highlight API), so that rows keep their nodes. A browser without them shows the frame around the message only.

import { type Match, matchesIn } from "../../state/find.ts";

const BLOCKS = "p, li, td, th, pre, summary, h1, h2, h3, h4, h5, h6, .bubble-text";
const TEXTS = ".markdown, .bubble-text";
/** What the page adds to a message. */
const ADDED = ".code-bar, .link-host, .footnote-back";

const ALL = "found";
const CURRENT = "found-current";

/** The ranges of the sought text below a root, also where it runs through several elements of one paragraph. */
export function rangesOf(root: Element, query: string): readonly Range[] {
  return [...root.querySelectorAll(TEXTS)].flatMap((text) =>
    blocksOf(text).flatMap((nodes) =>
      matchesIn(nodes.map(({ data }) => data).join(""), query).map((match) => rangeOf(nodes, match)),
    ),
  );
}

/** Marks all matches, and those of one message more strongly. */
export function mark(root: Element | null, query: string, currentId: string | null): void {
  const highlights = highlightsOf();
  if (highlights === null) return;
  const current = root === null || currentId === null ? null : rowOf(root, currentId);
  set(highlights, ALL, root === null ? [] : rangesOf(root, query));
  set(highlights, CURRENT, current === null ? [] : rangesOf(current, query));
}

/** Scrolls to the first match of a message whose matches are all out of sight. */
export function reveal(root: HTMLElement, query: string, currentId: string): void {
  const ranges = rangesOf(rowOf(root, currentId) ?? document.createElement("div"), query);
  const frame = root.getBoundingClientRect();
  const boxes = ranges.map((range) => range.getBoundingClientRect());
  const [first] = boxes;
  if (first === undefined || boxes.some(({ top, bottom }) => top >= frame.top && bottom <= frame.bottom))
    return;
  root.scrollTop += first.top - frame.top - frame.height / 3;
  // The browser's own event comes a frame later. A row that grows before it would move the list back.
  root.dispatchEvent(new Event("scroll"));
}

function rowOf(root: Element, id: string): Element | null {
  return root.querySelector(`[data-row="${CSS.escape(id)}"]`);
}

function highlightsOf(): HighlightRegistry | null {
  return typeof CSS === "object" && "highlights" in CSS && typeof Highlight === "function"
    ? CSS.highlights
    : null;
}

function set(highlights: HighlightRegistry, name: string, ranges: readonly Range[]): void {
  if (ranges.length === 0) {
    highlights.delete(name);
    return;
  }
  const highlight = new Highlight(...ranges);
  highlight.priority = name === CURRENT ? 1 : 0;
  highlights.set(name, highlight);
}

/** The text nodes of each block, in order. */
function blocksOf(text: Element): readonly (readonly Text[])[] {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  const groups: Text[][] = [];
  let block: Element | null | undefined;
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!(node instanceof Text) || parent === null || parent.closest(ADDED) !== null) continue;
    const own = parent.closest(BLOCKS);
    if (own === block) groups.at(-1)?.push(node);
    else groups.push([node]);
    block = own;
  }
  return groups;
}

function rangeOf(nodes: readonly Text[], { start, end }: Match): Range {
  const range = document.createRange();
  let at = 0;
  for (const node of nodes) {
    const next = at + node.length;
    if (start >= at && start < next) range.setStart(node, start - at);
    if (end > at && end <= next) range.setEnd(node, end - at);
    at = next;
  }
  return range;
}
