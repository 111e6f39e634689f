/**
 * Cuts runs of combining marks to 16. No script stacks more, and a browser needs minutes to lay out a letter with fifty
 * thousand of them. Only the shown text is cut; copying gives all of it.
 */
export function limitMarks(text: string): string {
  return text.replace(/(\p{M}{16})\p{M}+/gu, "$1");
}
