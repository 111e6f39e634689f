// The direction of each block of text: right to left where its first letter is of such a script. Code runs left to right.

const LEAVES = "p, h1, h2, h3, h4, h5, h6, th, td, summary";
const CONTAINERS = "ul, ol, blockquote, table, details";
const CODE = "pre, code, .link-host";
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Sets the direction of a block and of everything in it. */
export function setDirections(block: Element): void {
  for (const leaf of matching(block, LEAVES)) leaf.setAttribute("dir", "auto");
  for (const code of matching(block, CODE)) code.setAttribute("dir", "ltr");
  // The browser skips children that have a direction themselves: `auto` would say nothing about these.
  for (const container of matching(block, CONTAINERS)) container.setAttribute("dir", directionOf(container));
  for (const item of matching(block, "li")) {
    const hasBlocks = [...item.children].some((child) =>
      child.matches("p, blockquote, pre, h1, h2, h3, h4, h5, h6"),
    );
    const direction = directionOf(item);
    item.setAttribute("dir", hasBlocks ? direction : "auto");
    // Not the selector `:dir()`, which the build would replace by a list of languages.
    if (direction !== item.parentElement?.getAttribute("dir")) item.classList.add("against");
  }
}

function directionOf(element: Element): "ltr" | "rtl" {
  const letter = /\p{L}/u.exec(element.textContent ?? "")?.[0] ?? "";
  return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}

export function matching(node: Element, selector: string): readonly Element[] {
  const inside = [...node.querySelectorAll(selector)];
  return node.matches(selector) ? [node, ...inside] : inside;
}
