// TeX to MathML, in a chunk of its own. The output of the typesetter is not trusted: it is parsed outside the page and
// rebuilt from a short list of elements and attributes, none of which can load, link or run anything.

import temml from "temml";

const SPACE = "http://www.w3.org/1998/Math/MathML";
const ELEMENTS = new Set(
  (
    "math mrow mi mo mn ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts " +
    "mprescripts none mtable mtr mtd mpadded mphantom mstyle menclose"
  ).split(" "),
);
const ATTRIBUTES = new Set(
  (
    "display displaystyle scriptlevel mathvariant stretchy fence form separator lspace rspace accent accentunder " +
    "movablelimits largeop symmetric minsize maxsize linethickness width height depth voffset notation rowspan columnspan"
  ).split(" "),
);
const MAX_LENGTH = 4_000;
const MAX_ELEMENTS = 4_000;

/** The formula as MathML; null when it is too long or cannot be read. */
export function typeset(tex: string, display: boolean): Element | null {
  if (tex.length > MAX_LENGTH) return null;
  let markup: string;
  try {
    markup = temml.renderToString(tex, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      maxSize: [40, 400],
      maxExpand: 500,
    });
  } catch {
    return null;
  }
  // The content security policy refuses style attributes. What a table needs of them becomes classes.
  const source = new DOMParser().parseFromString(markup.replace(/ style="/g, ' data-style="'), "text/html");
  const formula = source.querySelector("math");
  if (formula === null || source.querySelectorAll("*").length > MAX_ELEMENTS) return null;
  return rebuild(formula);
}

function rebuild(element: Element): Element | null {
  const name = element.localName;
  if (!ELEMENTS.has(name)) return null;
  const copy = document.createElementNS(SPACE, name);
  for (const { name: key, value } of element.attributes)
    if (ATTRIBUTES.has(key)) copy.setAttribute(key, value);
  const classes = classesOf(element);
  if (classes.length > 0) copy.setAttribute("class", classes.join(" "));
  for (const child of element.childNodes) {
    if (child instanceof Text) copy.append(child.data);
    else if (child instanceof Element) copy.append(rebuild(child) ?? child.textContent ?? "");
  }
  return copy;
}

/** The classes of a table or cell of a formula: alignment, space and lines. The style sheet has a rule for each. */
function classesOf(element: Element): readonly string[] {
  if (element.localName === "mtable") return element.classList.contains("tml-jot") ? ["tml-jot"] : [];
  if (element.localName !== "mtd") return [];
  const align = [...element.classList].filter((name) => name === "tml-left" || name === "tml-right");
  const style = element.getAttribute("data-style") ?? "";
  const space = ["left", "right"].flatMap((side) => {
    const width = new RegExp(`padding-${side}:([\\d.]+)`).exec(style)?.[1];
    return width === undefined
      ? []
      : Number(width) === 0
        ? [`flush-${side}`]
        : width === "1"
          ? [`wide-${side}`]
          : [];
  });
  const lines = ["left", "right", "top", "bottom"].filter((side) => style.includes(`border-${side}:`));
  return [...align, ...space, ...lines.map((side) => `line-${side}`)];
}
