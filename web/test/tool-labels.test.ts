// @vitest-environment node
import { describe, expect, test } from "vitest";
import { toolLabel } from "../src/format/tool-labels.ts";
import { accepted, given, history, log, post } from "./builders.ts";

const search = (known: object = {}) => ({ type: "tool", name: "search_conversation", ...known });

describe("a tool call", () => {
  test.each([
    [
      search({ input: { query: "lease" }, result: { found: 3 } }),
      "Searched this conversation for “lease”: 3 messages",
    ],
    [
      search({ input: { query: "lease" }, result: { found: 1 } }),
      "Searched this conversation for “lease”: 1 message",
    ],
    [
      search({ input: { query: "lease" }, result: { found: 0 } }),
      "Searched this conversation for “lease”: nothing",
    ],
    [search({ input: { query: " " }, result: {} }), "Searched this conversation"],
    [search({ input: { query: 7 }, result: { found: "x" } }), "Searched this conversation"],
    [search(), "Searched this conversation"],
    [{ type: "tool", name: "look_up" }, "Used look up"],
    [{ type: "tool" }, "Used a tool"],
  ])("has a label: %o", (part, words) => {
    expect(toolLabel(part, false)).toBe(words);
  });

  test("has a label while it runs", () => {
    expect(toolLabel(search({ input: { query: "lease" } }), true)).toBe(
      "Searching this conversation for “lease”",
    );
    expect(toolLabel({ type: "tool" }, true)).toBe("Using a tool");
  });

  test("gets its name and input when it starts, and its result when it ends", () => {
    const started = log("1", {
      type: "part.started",
      part_id: "p",
      kind: "tool",
      name: "search_conversation",
      input: { query: "lease" },
    });
    const both = log(
      "1",
      {
        type: "part.started",
        part_id: "p",
        kind: "tool",
        name: "search_conversation",
        input: { query: "lease" },
      },
      { type: "part.ended", part_id: "p", result: { found: 2 } },
    );
    const part = (events: ReturnType<typeof log>) =>
      given(history([]), accepted(post("1")), ...events).conversations["t"]?.live?.message.parts[0];
    expect(part(started)).toMatchObject({ type: "tool", input: { query: "lease" }, ended: false });
    expect(part(both)).toMatchObject({ ended: true, result: { found: 2 } });
  });
});
