// @vitest-environment node
import { describe, expect, test } from "vitest";
import { breakpointLabels, promptSlices, sourceLabel } from "../src/format/prompt-slices.ts";
import type { Plan } from "../src/transport/protocol.ts";
import { message, plan, talk, usage } from "./builders.ts";

const withBreakpoints = (...at: string[]): Plan =>
  plan({
    recipe: {
      first_message_id: "u1",
      last_message_id: "u3",
      breakpoints: at.map((position) => ({ at: position, ttl: "5m" })),
    },
  });

describe("the slices of a prompt", () => {
  test("are in the order of the request, without empty ones", () => {
    expect(promptSlices(plan(), null, []).map(({ section }) => section)).toEqual([
      "system",
      "summary",
      "window",
      "new",
      "recall",
    ]);
  });

  test("have the instructions of the thread behind the system prompt, with their breakpoint", () => {
    const { estimate } = plan();
    const slices = promptSlices(
      { ...withBreakpoints("instructions:"), estimate: { ...estimate, instructions: 50 } },
      null,
      [],
    );
    expect(slices[1]).toMatchObject({
      name: "Instructions",
      tokens: 50,
      breakpoints: [{ at: 1, ttl: "5m" }],
    });
    expect(breakpointLabels(withBreakpoints("instructions:"))).toEqual([
      "after the instructions, TTL 5 minutes",
    ]);
  });

  test("are covered from the start: tokens read, then tokens written, then the rest", () => {
    const slices = promptSlices(plan(), usage({ cache_read: 600, cache_write_5m: 200, input: 200 }), []);
    expect(slices.map(({ from }) => [from.read, from.written, from.uncached])).toEqual([
      [200, 0, 0],
      [300, 0, 0],
      [100, 200, 100],
      [0, 0, 40],
      [0, 0, 60],
    ]);
  });

  test("are covered up to the last breakpoint, even if actual and estimated usage differ", () => {
    const slices = promptSlices(
      withBreakpoints("summary"),
      usage({ cache_read: 300, cache_write_1h: 100, input: 500 }),
      [],
    );
    expect(slices.map(({ from }) => from.uncached)).toEqual([0, 0, 400, 40, 60]);
    expect(slices[1]?.from).toEqual({ read: 175, written: 125, uncached: 0 });
  });

  test("are covered by the share of the actual usage if a breakpoint is not loaded", () => {
    const slices = promptSlices(withBreakpoints("summary", "u2"), usage({ cache_read: 500, input: 500 }), []);
    expect(slices.map(({ from }) => from.read)).toEqual([200, 300, 0, 0, 0]);
  });

  test("add up to the estimate for any usage", () => {
    for (const cache_read of [0, 1, 333, 999, 5000]) {
      for (const input of [0, 7, 4000]) {
        for (const { tokens, from } of promptSlices(
          plan(),
          usage({ cache_read, cache_write_5m: 3, input }),
          [],
        ))
          expect(from.read + from.written + from.uncached).toBe(tokens);
      }
    }
  });

  test("do not exist without an estimate", () => {
    expect(promptSlices({}, usage({ input: 5 }), [])).toEqual([]);
  });

  test.each([
    [{ read: 100, written: 0, uncached: 0 }, "from the cache"],
    [{ read: 62, written: 8, uncached: 30 }, "62% from the cache, 8% written to it"],
    [{ read: 0, written: 100, uncached: 0 }, "written to the cache"],
    [{ read: 0, written: 50, uncached: 50 }, "50% written to the cache"],
    [{ read: 0, written: 0, uncached: 100 }, "not cached"],
  ])("have a source label: %o", (from, words) => {
    expect(sourceLabel({ section: "window", name: "", tokens: 100, from, breakpoints: [] })).toBe(words);
  });
});

describe("cache breakpoints", () => {
  const at = (position: string, messages = talk(3)) =>
    promptSlices(withBreakpoints(position), null, messages).flatMap(({ section, breakpoints }) =>
      breakpoints.map((breakpoint) => [section, breakpoint.at]),
    );

  test("are at the end of the system prompt, the summary and the new message", () => {
    expect([...at("system"), ...at("summary"), ...at("u3")]).toEqual([
      ["system", 1],
      ["summary", 1],
      ["new", 1],
    ]);
  });

  test("are placed in the window by the length of the messages before them", () => {
    const messages = [
      message("u1", null, { parts: [{ type: "text", text: "x".repeat(10) }] }),
      message("a1", "u1", { parts: [{ type: "text", text: "x".repeat(20) }] }),
      message("u2", "a1", { parts: [{ type: "text", text: "x".repeat(10) }] }),
      message("u3", "u2"),
    ];
    expect(at("a1", messages)).toEqual([["window", 0.75]]);
  });

  test("on a message that is not loaded have a label only", () => {
    expect(at("u2", [])).toEqual([]);
    expect(breakpointLabels(withBreakpoints("u2"))).toEqual(["after an earlier message, TTL 5 minutes"]);
  });

  test("inside the summary have a label only", () => {
    expect(at("summary:s1", [])).toEqual([]);
    expect(breakpointLabels(withBreakpoints("summary:s1"))).toEqual([
      "after an older part of the summary, TTL 5 minutes",
    ]);
  });
});
