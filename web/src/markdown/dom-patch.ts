/** Makes the children of `parent` equal to `target`. It changes only what differs, so selection, focus and scroll survive. */
export function patchChildren(parent: Node, target: readonly Node[], from = 0): void {
  let current = parent.childNodes[from] ?? null;
  for (const node of target) {
    if (current === null) {
      parent.appendChild(node);
    } else {
      const next: ChildNode | null = current.nextSibling;
      if (!patchNode(current, node)) parent.replaceChild(node, current);
      current = next;
    }
  }
  while (current !== null) {
    const next = current.nextSibling;
    parent.removeChild(current);
    current = next;
  }
}

/** False when the two are of different kinds, so that the node must be replaced. */
function patchNode(current: Node, target: Node): boolean {
  if (current.nodeType !== target.nodeType || current.nodeName !== target.nodeName) return false;
  if (current instanceof Element && target instanceof Element) {
    for (const { name } of [...current.attributes])
      // What the reader opened stays open.
      if (!target.hasAttribute(name) && !(name === "open" && current.nodeName === "DETAILS"))
        current.removeAttribute(name);
    for (const { name, value } of target.attributes)
      if (current.getAttribute(name) !== value) current.setAttribute(name, value);
    patchChildren(current, [...target.childNodes]);
  } else if (current.nodeValue !== target.nodeValue) {
    current.nodeValue = target.nodeValue;
  }
  return true;
}
