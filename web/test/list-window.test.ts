// @vitest-environment node
import { describe, expect, test } from "vitest";
import { rowAt, topsOf, windowOf } from "../src/views/conversation/list-window.ts";

const tops = topsOf(Array.from({ length: 5000 }, (_, row) => 50 + (row % 7) * 30));
const total = tops[5000] ?? 0;

describe("the window of a long list", () => {
  test("has a limited number of rows at any position", () => {
    for (let top = 0; top < total; top += 9_973) {
      const { first, end } = windowOf(tops, top, 900, 900);
      expect(end - first).toBeLessThan(60);
    }
  });

  test("covers the viewport completely", () => {
    for (let top = 0; top < total - 900; top += 7_919) {
      const { first, end } = windowOf(tops, top, 900, 300);
      expect(tops[first]).toBeLessThanOrEqual(top);
      expect(tops[end]).toBeGreaterThanOrEqual(top + 900);
    }
  });

  test("the heights above, inside and below add up to the total", () => {
    const { first, end, above, below } = windowOf(tops, total / 2, 900, 300);
    expect(above + ((tops[end] ?? 0) - (tops[first] ?? 0)) + below).toBe(total);
  });

  test("an empty list has an empty window", () => {
    expect(windowOf(topsOf([]), 0, 900, 300)).toEqual({ first: 0, end: 0, above: 0, below: 0 });
  });

  test("a row starts at its top", () => {
    expect([
      rowAt(tops, 0),
      rowAt(tops, 49),
      rowAt(tops, 50),
      rowAt(tops, -5),
      rowAt(tops, total * 2),
    ]).toEqual([0, 0, 1, 0, 4999]);
  });
});
