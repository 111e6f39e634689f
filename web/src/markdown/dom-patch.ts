/** Makes the children of `parent` equal to `wanted`, touching only what differs: selection, focus and scroll survive. */
export function morphChildren(parent: Node, wanted: readonly Node[], from = 0): void {
  let current = parent.childNodes[from] ?? null;
  for (const node of wanted) {
    if (current === null) {
      parent.appendChild(node);
    } else {
      const next: ChildNode | null = current.nextSibling;
      if (!morphNode(current, node)) parent.replaceChild(node, current);
      current = next;
    }
  }
  while (current !== null) {
    const next = current.nextSibling;
    parent.removeChild(current);
    current = next;
  }
}

/** False when the two are of different kinds. */
function morphNode(current: Node, wanted: Node): boolean {
  if (current.nodeType !== wanted.nodeType || current.nodeName !== wanted.nodeName) return false;
  if (current instanceof Element && wanted instanceof Element) {
    for (const { name } of [...current.attributes])
      if (!wanted.hasAttribute(name)) current.removeAttribute(name);
    for (const { name, value } of wanted.attributes)
      if (current.getAttribute(name) !== value) current.setAttribute(name, value);
    morphChildren(current, [...wanted.childNodes]);
  } else if (current.nodeValue !== wanted.nodeValue) {
    current.nodeValue = wanted.nodeValue;
  }
  return true;
}
