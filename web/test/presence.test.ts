import { describe, expect, test } from "vitest";
import { openThread, type Said, saying, untilSaid } from "../src/actions/presence.ts";
import type { PageEvent } from "../src/state/events.ts";
import { given, history, when } from "./builders.ts";

describe("presence", () => {
  const once: Said = saying(undefined, "visible", 0);

  test("is said at once, and not twice", () => {
    expect(untilSaid(undefined, "visible", 0)).toBe(0);
    expect(untilSaid(once, "visible", 30_000)).toBeNull();
  });

  test("is said again when it has changed", () => {
    expect(untilSaid(once, "open", 10)).toBe(0);
    expect(untilSaid(once, "gone", 10)).toBe(0);
  });

  test("waits when the same state was said within twenty seconds", () => {
    const hidden = saying(once, "open", 1_000);
    expect(untilSaid(hidden, "visible", 5_000)).toBe(15_000);
    expect(untilSaid(hidden, "visible", 20_000)).toBe(0);
    expect(untilSaid(hidden, "open", 5_000)).toBeNull();
  });

  test("is said again before the server forgets it", () => {
    expect(untilSaid(once, "visible", 600_000)).toBe(0);
  });

  test("concerns the thread on screen once the server knows it", () => {
    const place: PageEvent = { type: "place.changed", place: { threadId: "t", messageId: null } };
    expect(openThread(given(place))).toBeNull();
    const ready = given(place, history([]));
    expect(openThread(ready)).toBe("t");
    expect(openThread(when(ready, { type: "access.changed", access: "needed" }))).toBeNull();
  });
});
