/**
 * Text with runs of combining marks cut to 16: no script stacks more, and a browser needs minutes to lay out one letter
 * with fifty thousand of them. Only what is shown is cut; copying gives the whole.
 */
export function tame(text: string): string {
  return text.replace(/(\p{M}{16})\p{M}+/gu, "$1");
}
