// What a person typed or opened survives: rows are rendered only near the viewport, and pages are reloaded.

import { type ComponentChild, h, render } from "preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createStore, StoreContext } from "../src/app/store.ts";
import { textOf } from "../src/state/state.ts";
import { browserStorage } from "../src/storage/browser-storage.ts";
import { forgetDrafts, readDraft, readEdit, saveDraft, saveEdit } from "../src/storage/drafts.ts";
import { readSummaryDrafts, summaryDraftSaver } from "../src/storage/summary-drafts.ts";
import { createHttp, wellFormed } from "../src/transport/http.ts";
import { type Actions, ActionsContext } from "../src/views/hooks/actions-context.ts";
import { given, message, thread } from "./builders.ts";

const storage = browserStorage(() => sessionStorage);
const frame = () => document.querySelector<HTMLElement>("#frame") ?? document.body;
const sent: string[] = [];

beforeEach(() => {
  sessionStorage.clear();
  sent.length = 0;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
  document.body.innerHTML = '<div id="frame"></div>';
  HTMLDialogElement.prototype.showModal = () => undefined;
  HTMLDialogElement.prototype.close = () => undefined;
});
afterEach(() => vi.unstubAllGlobals());

/** A page that renders one row. Called again with the same states, it is the row after scrolling back. */
function show(row: ComponentChild, rowStates: Map<string, unknown>): void {
  const turns = { edit: (_: unknown, text: string) => sent.push(text) };
  const painter = (target: HTMLElement) => ({ paint: (text: string) => (target.textContent = text) });
  const api = { context: () => new Promise(() => undefined) };
  const actions = {
    storage,
    rowStates,
    turns,
    api,
    painter,
    onRendererReady: () => undefined,
  } as unknown as Actions;
  const inner = h(ActionsContext.Provider, { value: actions, children: row });
  render(null, frame());
  render(h(StoreContext.Provider, { value: createStore(), children: inner }), frame());
}

const button = (label: string) =>
  [...frame().querySelectorAll("button")].find(
    (one) => one.getAttribute("aria-label") === label || one.textContent === label,
  );
const rendered = () => new Promise((resolve) => setTimeout(resolve, 10));

function type(field: HTMLInputElement | HTMLTextAreaElement | null, text: string): void {
  if (field === null) throw new Error("There is no field.");
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

const props = { route: null, last: false, busy: false, activity: null, lost: false };

describe("a row that was scrolled away", () => {
  test("keeps the edit of its message, also across a reload", async () => {
    const { MessageView } = await import("../src/views/message/MessageView.tsx");
    const row = h(MessageView, { message: message("u1", null), ...props });
    show(row, new Map());
    button("Edit")?.click();
    await rendered();
    type(frame().querySelector("textarea"), "  half a thought");
    await rendered();
    show(row, new Map());
    expect(frame().querySelector("textarea")?.value).toBe("  half a thought");
    button("Send")?.click();
    await rendered();
    expect(sent).toEqual(["  half a thought"]);
    expect(readEdit(storage, "t", "u1")).toBeNull();
  });

  test("keeps what the reader opened in it", async () => {
    const { MessageView } = await import("../src/views/message/MessageView.tsx");
    const parts = [
      { type: "reasoning", text: "why" },
      { type: "text", text: "so" },
    ];
    const row = h(MessageView, { message: message("a1", null, { role: "assistant", parts }), ...props });
    const states = new Map<string, unknown>();
    show(row, states);
    frame().querySelector<HTMLElement>(".reasoning-line")?.click();
    button("Details")?.click();
    await rendered();
    show(row, states);
    expect(frame().querySelector(".reasoning-text")?.textContent).toBe("why");
    expect(frame().querySelector(".details")).not.toBeNull();
  });

  test("keeps a title that is being typed when its conversation moves in the list", async () => {
    const { ThreadMenu } = await import("../src/views/thread-menu/ThreadMenu.tsx");
    const row = h(ThreadMenu, { thread: thread("t", { title: "Old" }), side: "right" });
    const states = new Map<string, unknown>();
    show(row, states);
    button("More for Old")?.click();
    await rendered();
    button("Rename")?.click();
    await rendered();
    type(frame().querySelector("input"), "New na");
    await rendered();
    show(row, states);
    expect(frame().querySelector("input")?.value).toBe("New na");
  });
});

describe("typed text", () => {
  test("of a deleted thread goes with it, and no other", () => {
    saveDraft(storage, "t", "draft");
    saveEdit(storage, "t", "u1", "");
    saveEdit(storage, "tt", "u1", "other");
    expect(readEdit(storage, "t", "u1")).toBe("");
    forgetDrafts(storage, "t");
    expect(readDraft(storage, "t")).toBe("");
    expect(readEdit(storage, "t", "u1")).toBeNull();
    expect(readEdit(storage, "tt", "u1")).toBe("other");
  });

  test("in a summary survives a reload until it is saved or discarded", () => {
    const line = {
      key: "k",
      text: "new",
      sources: [],
      pinned: false,
      segment: "s",
      before: null,
      removed: false,
    };
    const draft = { base: "1", lines: [line], rebased: false };
    const save = summaryDraftSaver(storage);
    save(given({ type: "summary.drafted", threadId: "t", draft }).conversations);
    expect(readSummaryDrafts(storage)).toEqual([["t", draft]]);
    save(given({ type: "summary.drafted", threadId: "t", draft: null }).conversations);
    expect(readSummaryDrafts(storage)).toEqual([]);
  });

  test("keeps its indentation in a message", () => {
    const code = "    indented\n  less";
    expect(textOf(message("u1", null, { parts: [{ type: "text", text: code }] }))).toBe(code);
  });

  test("has no half of a surrogate pair and no NUL when it is sent", async () => {
    expect(wellFormed("", "a\ud83db\udc00c\0d 😀")).toBe("a\ufffdb\ufffdc\ufffdd 😀");
    const bodies: unknown[] = [];
    const http = createHttp({
      fetch: async (_, init) => {
        bodies.push(init?.body);
        return new Response("{}");
      },
      base: "",
      token: () => null,
      onUnauthorized: () => undefined,
    });
    await http.json("POST", "/", { input: { text: "\ud83d" }, lines: [{ text: "\0" }] });
    expect(bodies).toEqual([JSON.stringify({ input: { text: "\ufffd" }, lines: [{ text: "\ufffd" }] })]);
  });
});
