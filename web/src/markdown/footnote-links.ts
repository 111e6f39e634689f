// Links between the notes of a complete text and the places that refer to them, both ways.

/**
 * Links each "[^1]" to its note and each note back. `prefix` begins the ids, since several messages of a page use the same
 * labels. Links that are there already are made again.
 */
export function linkFootnotes(root: Element, prefix: string): void {
  const notes = new Map<string, { readonly note: Element; readonly id: string; references: number }>();
  for (const note of root.querySelectorAll("p.footnote")) {
    for (const old of note.querySelectorAll(".footnote-back")) old.remove();
    const label = note.querySelector("sup")?.textContent ?? "";
    if (notes.has(label)) continue;
    const id = `${prefix}note-${notes.size + 1}`;
    note.id = id;
    notes.set(label, { note, id, references: 0 });
  }
  if (notes.size === 0) return;
  for (const reference of root.querySelectorAll("sup.footnote-reference")) {
    const label = reference.textContent ?? "";
    const found = notes.get(label);
    if (found === undefined) continue;
    found.references++;
    const back = `${found.id}-from-${found.references}`;
    const forth = link(reference, found.id, "doc-noteref", `Note ${label}`);
    forth.id = back;
    forth.textContent = label;
    reference.replaceChildren(forth);
    const which = found.references === 1 ? "" : ` ${found.references}`;
    const returns = link(reference, back, "doc-backlink", `Back to the text${which}`);
    returns.className = "footnote-back";
    // The selector keeps the arrow from being drawn as a picture.
    returns.textContent = "↩\ufe0e";
    found.note.append(returns);
  }
}

function link(near: Element, target: string, role: string, name: string): HTMLElement {
  const anchor = near.ownerDocument.createElement("a");
  anchor.setAttribute("href", `#${target}`);
  anchor.setAttribute("role", role);
  anchor.setAttribute("aria-label", name);
  return anchor;
}

/** Follows a click on such a link: without a new address, because that names a message of the conversation. */
export function followFootnote(event: Event): void {
  const anchor = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
  const id = anchor?.getAttribute("href")?.slice(1) ?? "";
  const target = anchor?.ownerDocument.getElementById(id) ?? null;
  if (target === null) return;
  event.preventDefault();
  // The keyboard goes on from there.
  if (target.localName !== "a") target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
  // A list that keeps its place learns of the jump now. The browser's own event comes a frame later.
  target.closest('[role="log"]')?.dispatchEvent(new Event("scroll"));
}
