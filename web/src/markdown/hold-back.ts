// Holds back the undecided end of a growing text: "-" may become a list, a rule or the underline of a heading, "|" a
// table, "``" a fence. Showing every guess would make the page flicker.

/** The part of an unfinished source that can be shown now. */
export function holdBack(source: string): string {
  const lineStart = source.lastIndexOf("\n") + 1;
  const line = source.slice(lineStart);
  if (insideFence(source.slice(0, lineStart))) {
    return /^[ \t>]*(`{1,}|~{1,})[ \t]*$/.test(line) ? source.slice(0, lineStart) : source;
  }
  const table = undecidedTable(source, lineStart);
  if (table >= 0) return source.slice(0, table);
  if (/^[\s>]*([-*+_=#`~|:]+|\d{1,9}[.)]?|[-*+][ \t]+(\[|\[[ xX]|\[[ xX]\])?)[ \t]*$/.test(line))
    return source.slice(0, lineStart);
  // Otherwise the label of a fence would change with each letter of its language.
  if (/^[\s>]*(`{3,}|~{3,})[^`\n]*$/.test(line)) return source.slice(0, lineStart);
  return source.replace(/(&#?\w{0,12}|\\|<\/?[a-z]{0,7})$/i, "").replace(/[*_~`$]+$/, "");
}

/** The start of a table whose second line, which makes it a table, is incomplete; -1 if there is none. */
function undecidedTable(source: string, lineStart: number): number {
  const line = source.slice(lineStart);
  const previousStart = source.lastIndexOf("\n", lineStart - 2) + 1;
  const previous = lineStart === 0 ? "" : source.slice(previousStart, lineStart - 1);
  if (!/^\s*\|/.test(line))
    return /^\s*\|.*\|\s*$/.test(previous) && line === "" ? tableStart(source, previousStart) : -1;
  if (previous.trim() === "") return lineStart;
  return /^[\s|:-]*$/.test(line) ? tableStart(source, previousStart) : -1;
}

/** The start of the row if it is the first of its table, else -1. Later rows are decided. */
function tableStart(source: string, rowStart: number): number {
  const above = source.slice(source.lastIndexOf("\n", rowStart - 2) + 1, Math.max(0, rowStart - 1));
  return rowStart === 0 || above.trim() === "" ? rowStart : -1;
}

function insideFence(source: string): boolean {
  let open: string | null = null;
  for (const [, marks = "", info = ""] of source.matchAll(
    /^(?:[ \t>]|[-*+] |\d+[.)] )*(`{3,}|~{3,})(.*)$/gm,
  )) {
    if (open === null) {
      if (marks[0] !== "`" || !info.includes("`")) open = marks;
    } else if (marks[0] === open[0] && marks.length >= open.length && info.trim() === "") {
      open = null;
    }
  }
  return open !== null;
}
