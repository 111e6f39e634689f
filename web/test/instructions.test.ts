// @vitest-environment node
import { describe, expect, test } from "vitest";
import type { Dependencies } from "../src/actions/dependencies.ts";
import { createInstructions } from "../src/actions/instructions.ts";
import { createStore } from "../src/app/store.ts";
import type { Api } from "../src/transport/api.ts";
import type { Instructions } from "../src/transport/protocol.ts";
import { history, message, thread } from "./builders.ts";

const told = (text: string | null): Instructions => ({
  digest: text,
  text,
  versions: [{ text, after_id: null, set_at: "2026-12-03T00:00:00Z" }],
});

/** A page with one open thread whose instructions are on a server; `calls` are the requests. */
function page({ fails = false } = {}) {
  const store = createStore();
  const calls: string[] = [];
  let text: string | null = "Be brief.";
  const answer = async (call: string) => {
    calls.push(call);
    if (fails) throw new Error("no connection");
    return told(text);
  };
  const api = {
    instructions: () => answer("read"),
    setInstructions: (_: string, changed: string) => {
      if (!fails) text = changed;
      return answer("set");
    },
    removeInstructions: () => {
      if (!fails) text = null;
      return answer("remove");
    },
  } as unknown as Api;
  const dependencies = {
    api,
    store,
    newId: () => "a",
    notifyTabs: () => undefined,
  } as unknown as Dependencies;
  store.dispatch(history([message("u1", null)], false));
  const shown = () => store.state.conversations["t"]?.instructions?.text;
  return { instructions: createInstructions(dependencies), store, calls, shown };
}

describe("the instructions of a thread", () => {
  test("are read once, and again when another tab has changed them", async () => {
    const { instructions, calls, shown } = page();
    const known = { ...thread("t"), instructions_digest: "Be brief." };
    await instructions.refresh(known);
    await instructions.refresh(known);
    expect([calls, shown()]).toEqual([["read"], "Be brief."]);
    await instructions.refresh({ ...known, instructions_digest: "others" });
    expect(calls).toEqual(["read", "read"]);
  });

  test("are set, and removed without text", async () => {
    const { instructions, calls, shown } = page();
    expect(await instructions.save("t", "In Welsh.")).toBe(true);
    expect(shown()).toBe("In Welsh.");
    expect(await instructions.save("t", "")).toBe(true);
    expect([calls, shown()]).toEqual([["set", "remove"], null]);
  });

  test("that cannot be read are no alert, those that cannot be saved are one", async () => {
    const { instructions, store, shown } = page({ fails: true });
    await instructions.refresh(thread("t"));
    expect([store.state.alert, shown()]).toEqual([null, undefined]);
    expect(await instructions.save("t", "In Welsh.")).toBe(false);
    expect(store.state.alert?.text).toContain("Could not save the instructions.");
  });
});
