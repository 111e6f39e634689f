// Which rows of a long list are on the page. Pure: heights in, places out. Rows whose height was never measured use an
// estimate; the list corrects the scroll position when the truth comes in.

export interface Window {
  /** First and one past the last row on the page. */
  readonly first: number;
  readonly end: number;
  /** Heights of what is left out. */
  readonly above: number;
  readonly below: number;
}

/** Tops of all rows, and the total height at the end. */
export function topsOf(heights: readonly number[]): Float64Array {
  const tops = new Float64Array(heights.length + 1);
  for (let row = 0; row < heights.length; row++) tops[row + 1] = (tops[row] ?? 0) + (heights[row] ?? 0);
  return tops;
}

/** The row that covers `offset`: the last whose top is at or above it. */
export function rowAt(tops: Float64Array, offset: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function windowOf(tops: Float64Array, top: number, height: number, spare: number): Window {
  const count = tops.length - 1;
  if (count === 0) return { first: 0, end: 0, above: 0, below: 0 };
  const first = rowAt(tops, Math.max(0, top - spare));
  const end = rowAt(tops, top + height + spare) + 1;
  return { first, end, above: tops[first] ?? 0, below: (tops[count] ?? 0) - (tops[end] ?? 0) };
}

/** A guess from the length of the text, in pixels. */
export function estimate(length: number, lines: number): number {
  return 84 + 27 * Math.max(lines, Math.ceil(length / 72));
}
