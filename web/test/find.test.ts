import { describe, expect, test, vi } from "vitest";
import type { Dependencies } from "../src/actions/dependencies.ts";
import { createHistory } from "../src/actions/history.ts";
import { createLoadAll } from "../src/actions/seek.ts";
import { createStore } from "../src/app/store.ts";
import { findMessages, matchesIn } from "../src/state/find.ts";
import type { Api } from "../src/transport/api.ts";
import { mark, rangesOf } from "../src/views/conversation/find-marks.ts";
import { history, message, talk } from "./builders.ts";

const text = (id: string, value: string) => message(id, null, { parts: [{ type: "text", text: value }] });

describe("finding in a conversation", () => {
  test("ignores case and accents, and keeps the order", () => {
    const messages = [text("a", "A café"), text("b", "nothing"), text("c", "CAFE"), text("d", "the café")];
    expect(findMessages(messages, " cafe ")).toEqual(["a", "c", "d"]);
    expect(findMessages(messages, "  ")).toEqual([]);
    const lines = [text("a", "One\n\n  two"), text("b", "one  two"), text("c", "onetwo")];
    expect(findMessages(lines, "ONE   two")).toEqual(["a", "b"]);
  });
});

describe("finding in a text", () => {
  test.each([
    ["A café, a CAFE", "cafe", ["café", "CAFE"]],
    ["cafe\u0301!", "é", ["e\u0301"]],
    ["ﬁne ﬁns", "fin", ["ﬁn", "ﬁn"]],
    ["ﬁne", "f", ["ﬁ"]],
    ["one\n  two", "one two", ["one\n  two"]],
    ["so\u00adft", "soft", ["so\u00adft"]],
    ["한국어", "한국", ["한국"]],
    ["😀 a 😀", "😀", ["😀", "😀"]],
    ["aaaa", "aa", ["aa", "aa"]],
    ["Ünder ünder", " UNDER ", ["Ünder", "ünder"]],
    ["none", "x", []],
    ["none", " ", []],
  ])("%j contains %j at %j", (text, query, expected) => {
    expect(matchesIn(text, query).map(({ start, end }) => text.slice(start, end))).toEqual(expected);
  });

  test("sees through markup, as the reader does", () => {
    const messages = [text("a", "a **bo**ld `word`"), text("b", "see [the docs](https://a.example/x) now")];
    expect(findMessages(messages, "bold word")).toEqual(["a"]);
    expect(findMessages(messages, "the docs now")).toEqual(["b"]);
    expect(findMessages(messages, "**bo**")).toEqual(["a"]);
    expect(findMessages(messages, "a.example")).toEqual(["b"]);
  });
});

describe("marks", () => {
  const list = () => {
    const root = document.createElement("div");
    root.innerHTML =
      '<div data-row="a"><div class="bubble-text">The tide and the TIDE</div></div>' +
      '<div data-row="b"><div class="markdown"><p>high <strong>ti</strong>de</p><p>ti</p><p>de</p>' +
      '<div class="code-frame"><div class="code-bar">tide</div><pre>tide</pre></div>' +
      '<a>here<span class="link-host">tide.example</span></a></div><button>tide</button></div>';
    return root;
  };

  test("lie on the words in messages, through elements, and on nothing that the page adds", () => {
    const ranges = rangesOf(list(), "tide");
    expect(ranges.map(String)).toEqual(["tide", "TIDE", "tide", "tide"]);
    expect(ranges.map(({ startContainer }) => startContainer.parentElement?.localName)).toEqual([
      "div",
      "div",
      "strong",
      "pre",
    ]);
  });

  test("are set for all and for the message that is shown, and taken away", () => {
    const registry = new Map<string, { ranges: Range[]; priority: number }>();
    class Highlight {
      priority = 0;
      readonly ranges: Range[];
      constructor(...ranges: Range[]) {
        this.ranges = ranges;
      }
    }
    vi.stubGlobal("Highlight", Highlight);
    vi.stubGlobal("CSS", { highlights: registry, escape: (name: string) => name });
    mark(list(), "tide", "b");
    expect(registry.get("found")?.ranges).toHaveLength(4);
    expect(registry.get("found-current")?.ranges).toHaveLength(2);
    expect(registry.get("found-current")?.priority).toBeGreaterThan(registry.get("found")?.priority ?? 9);
    mark(list(), "tide", null);
    expect([...registry.keys()]).toEqual(["found"]);
    mark(null, "", null);
    expect(registry.size).toBe(0);
    vi.unstubAllGlobals();
  });

  test("are left out where the browser has none", () => {
    vi.stubGlobal("CSS", { escape: (name: string) => name });
    expect(() => mark(list(), "tide", "b")).not.toThrow();
    vi.unstubAllGlobals();
  });
});

describe("loading a whole conversation", () => {
  const all = talk(30);

  /** A page with the two newest messages; `failures` requests fail first. */
  function page(failures: number) {
    const store = createStore();
    let left = failures;
    const api = {
      messages: async (_: string, { before }: { before: string }) => {
        if (left-- > 0) throw new Error("no connection");
        const end = all.findIndex(({ id }) => id === before);
        return { messages: all.slice(Math.max(0, end - 10), end), has_more: end > 10, leaf_id: null };
      },
    } as unknown as Api;
    const dependencies = { api, store, sleep: async () => undefined } as unknown as Dependencies;
    store.dispatch(history(all.slice(-2), true));
    const none = async () => undefined;
    const events = { attach: none, markRead: none, refreshSummary: none, refreshInstructions: none };
    const loadAll = createLoadAll(dependencies, createHistory(dependencies, events));
    return { loadAll, count: () => store.state.conversations["t"]?.messages.length };
  }

  test("loads every older page, also after failures", async () => {
    const { loadAll, count } = page(2);
    expect(await loadAll("t")).toBe(true);
    expect(count()).toBe(60);
  });

  test("gives up when the server is away", async () => {
    const { loadAll, count } = page(99);
    expect(await loadAll("t")).toBe(false);
    expect(count()).toBe(2);
  });
});
