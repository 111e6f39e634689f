// Which rows of a long list are rendered. Pure: heights in, positions out. Rows that were never measured have an estimated
// height; the list corrects the scroll position once it is measured.

export interface Window {
  /** The first rendered row, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** Heights of the rows that are not rendered. */
  readonly above: number;
  readonly below: number;
}

/** The tops of all rows, then the total height. */
export function topsOf(heights: readonly number[]): Float64Array {
  const tops = new Float64Array(heights.length + 1);
  for (let row = 0; row < heights.length; row++) tops[row + 1] = (tops[row] ?? 0) + (heights[row] ?? 0);
  return tops;
}

/** The row at `offset`: the last whose top is at or above it. */
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

/** The height of a row in pixels, estimated from the length of its text. */
export function estimateHeight(length: number, lines: number): number {
  return 84 + 27 * Math.max(lines, Math.ceil(length / 72));
}
