import { describe, expect, test } from "vitest";
import { menuPosition } from "../src/views/thread-menu/menu-position.ts";

const menu = { width: 240, height: 300 };
const phone = { width: 390, height: 844 };

function button(left: number, top: number) {
  return { left, top, right: left + 40, bottom: top + 40 };
}

describe("a menu", () => {
  test("is below its button and shares an edge with it", () => {
    expect(menuPosition(button(100, 50), menu, phone, "left")).toEqual({ left: 100, top: 94 });
    expect(menuPosition(button(300, 50), menu, phone, "right")).toEqual({ left: 100, top: 94 });
  });

  test("never leaves the window at its sides", () => {
    expect(menuPosition(button(310, 50), menu, phone, "left").left).toBe(390 - 240 - 8);
    expect(menuPosition(button(20, 50), menu, phone, "right").left).toBe(8);
  });

  test("is above a button near the bottom", () => {
    expect(menuPosition(button(100, 700), menu, phone, "left").top).toBe(700 - 4 - 300);
  });

  test("shows its start where there is no room above or below", () => {
    expect(menuPosition(button(100, 150), menu, { width: 800, height: 280 }, "left").top).toBe(8);
    expect(menuPosition(button(100, 150), menu, { width: 800, height: 320 }, "left").top).toBe(12);
  });
});
