import { describe, expect, test } from "vitest";
import { placeMenu } from "../src/views/thread-menu/menu-position.ts";

const menu = { width: 240, height: 300 };
const phone = { width: 390, height: 844 };

function button(left: number, top: number) {
  return { left, top, right: left + 40, bottom: top + 40 };
}

describe("a menu", () => {
  test("stands below its button and shares an edge with it", () => {
    expect(placeMenu(button(100, 50), menu, phone, "left")).toEqual({ left: 100, top: 94 });
    expect(placeMenu(button(300, 50), menu, phone, "right")).toEqual({ left: 100, top: 94 });
  });

  test("never leaves the window sideways", () => {
    expect(placeMenu(button(310, 50), menu, phone, "left").left).toBe(390 - 240 - 8);
    expect(placeMenu(button(20, 50), menu, phone, "right").left).toBe(8);
  });

  test("stands above a button that is low", () => {
    expect(placeMenu(button(100, 700), menu, phone, "left").top).toBe(700 - 4 - 300);
  });

  test("shows from its beginning where neither side has room", () => {
    expect(placeMenu(button(100, 150), menu, { width: 800, height: 280 }, "left").top).toBe(8);
    expect(placeMenu(button(100, 150), menu, { width: 800, height: 320 }, "left").top).toBe(12);
  });
});
