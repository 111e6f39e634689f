import { describe, expect, test } from "vitest";
import type { Dependencies } from "../src/actions/dependencies.ts";
import { createHistory } from "../src/actions/history.ts";
import { createLoadAll } from "../src/actions/seek.ts";
import { createStore } from "../src/app/store.ts";
import { findMessages } from "../src/state/find.ts";
import type { Api } from "../src/transport/api.ts";
import { history, message, talk } from "./builders.ts";

const text = (id: string, value: string) => message(id, null, { parts: [{ type: "text", text: value }] });

describe("finding in a conversation", () => {
  test("ignores case and accents, and keeps the order", () => {
    const messages = [text("a", "A café"), text("b", "nothing"), text("c", "CAFE"), text("d", "the café")];
    expect(findMessages(messages, " cafe ")).toEqual(["a", "c", "d"]);
    expect(findMessages(messages, "  ")).toEqual([]);
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
    const events = { attach: none, markRead: none, refreshSummary: none };
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
