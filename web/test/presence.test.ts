import { describe, expect, test } from "vitest";
import { openThread, type PresenceReport, withReport, reportDelay } from "../src/actions/presence.ts";
import type { PageEvent } from "../src/state/events.ts";
import { given, history, when } from "./builders.ts";

describe("presence", () => {
  const reported: PresenceReport = withReport(undefined, "visible", 0);

  test("is reported at once, and only once", () => {
    expect(reportDelay(undefined, "visible", 0)).toBe(0);
    expect(reportDelay(reported, "visible", 30_000)).toBeNull();
  });

  test("is reported again after a change", () => {
    expect(reportDelay(reported, "open", 10)).toBe(0);
    expect(reportDelay(reported, "gone", 10)).toBe(0);
  });

  test("waits when the same state was reported within twenty seconds", () => {
    const hidden = withReport(reported, "open", 1_000);
    expect(reportDelay(hidden, "visible", 5_000)).toBe(15_000);
    expect(reportDelay(hidden, "visible", 20_000)).toBe(0);
    expect(reportDelay(hidden, "open", 5_000)).toBeNull();
  });

  test("is reported again before the server forgets it", () => {
    expect(reportDelay(reported, "visible", 600_000)).toBe(0);
  });

  test("is that of the open thread once it exists on the server", () => {
    const place: PageEvent = { type: "location.changed", location: { threadId: "t", messageId: null } };
    expect(openThread(given(place))).toBeNull();
    const ready = given(place, history([]));
    expect(openThread(ready)).toBe("t");
    expect(openThread(when(ready, { type: "access.changed", access: "needed" }))).toBeNull();
  });
});
