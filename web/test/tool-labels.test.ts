import { describe, expect, test } from "vitest";
import { toolWords } from "../src/format/tool-labels.ts";
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
  ])("is said in one line: %o", (part, words) => {
    expect(toolWords(part, false)).toBe(words);
  });

  test("that runs says so", () => {
    expect(toolWords(search({ input: { query: "lease" } }), true)).toBe(
      "Searching this conversation for “lease”",
    );
    expect(toolWords({ type: "tool" }, true)).toBe("Using a tool");
  });

  test("grows in the stream: name and input when it starts, the result when it ends", () => {
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
