// @vitest-environment node
import { describe, expect, test } from "vitest";
import { mayHaveSummary } from "../src/actions/summaries.ts";
import type { Summary } from "../src/transport/protocol.ts";
import type { PageEvent } from "../src/state/events.ts";
import type { State } from "../src/state/state.ts";
import { draftOf, isChanged, linesOf, rebaseDraft, withChange, withLine } from "../src/state/summary.ts";
import { given, history, talk, when } from "./builders.ts";

function summary(id: string | null, ...texts: string[]): Summary {
  const lines = texts.map((text, index) => ({ text, sources: [`u${index}`], pinned: false, segment: "s" }));
  return {
    id,
    upto_message_id: id === null ? null : "a1",
    tokens: 9,
    lines,
    segments: [],
    facts: [],
    past_facts: [],
    versions: [],
  };
}

const loaded = (value: Summary, known: { saved?: boolean; outcome?: string } = {}): PageEvent => ({
  type: "summary.loaded",
  threadId: "t",
  summary: value,
  saved: known.saved ?? false,
  outcome: known.outcome ?? null,
});

const before = summary("1", "one", "two", "three");
const draft = draftOf(before);
const texts = (lines: readonly { readonly text: string }[]) => lines.map(({ text }) => text);
const view = (state: State) => state.conversations["t"]?.summary;

describe("a draft", () => {
  test("without changes is not kept", () => {
    expect(isChanged(draft)).toBe(false);
    expect(isChanged(withChange(draft, "1/0", { text: "one " }))).toBe(false);
    const state = given(loaded(before), { type: "summary.drafted", threadId: "t", draft });
    expect(view(state)?.draft).toBeNull();
  });

  test("keeps, changes, pins, removes and adds lines", () => {
    let next = withChange(draft, "1/0", { text: "uno\n  e mezzo" });
    next = withChange(next, "1/1", { removed: true });
    next = withChange(next, "1/2", { pinned: true });
    next = withLine(next, "k", "four");
    expect(linesOf(next)).toEqual([
      { text: "uno e mezzo", sources: ["u0"], pinned: false, segment: "s" },
      { text: "three", sources: ["u2"], pinned: true, segment: "s" },
      { text: "four", sources: [], pinned: false },
    ]);
  });

  test("shows a removed line until it is saved, so that it can be restored", () => {
    const next = withChange(draft, "1/1", { removed: true });
    expect(next.lines).toHaveLength(3);
    expect(isChanged(withChange(next, "1/1", { removed: false }))).toBe(false);
  });

  test("forgets a new line that is removed again", () => {
    expect(withChange(withLine(draft, "k", "four"), "k", { removed: true }).lines).toHaveLength(3);
  });

  test("does not save lines without text", () => {
    expect(texts(linesOf(withChange(draft, "1/1", { text: "  " })))).toEqual(["one", "three"]);
  });
});

describe("a newer version that arrives during editing", () => {
  const edits = withLine(
    withChange(withChange(draft, "1/0", { text: "uno" }), "1/1", { removed: true }),
    "k",
    "four",
  );

  test("gets the reader's changes", () => {
    const rebased = rebaseDraft(edits, summary("2", "zero", "one", "two"));
    expect(rebased?.base).toBe("2");
    expect(rebased?.rebased).toBe(true);
    expect(texts(linesOf(rebased ?? draft))).toEqual(["zero", "uno", "four"]);
  });

  test("keeps an edited line that no longer exists as a new line", () => {
    const rebased = rebaseDraft(edits, summary("2", "all in one line"));
    expect(linesOf(rebased ?? draft)).toEqual([
      { text: "all in one line", sources: ["u0"], pinned: false, segment: "s" },
      { text: "uno", sources: ["u0"], pinned: false },
      { text: "four", sources: [], pinned: false },
    ]);
  });

  test("keeps edits even when no summary is left", () => {
    const rebased = rebaseDraft(edits, summary(null));
    expect(rebased?.base).toBeNull();
    expect(texts(linesOf(rebased ?? draft))).toEqual(["uno", "four"]);
  });

  test("drops an edit that it already contains", () => {
    expect(rebaseDraft(withChange(draft, "1/1", { removed: true }), summary("2", "one", "three"))).toBeNull();
  });

  test("can be edited again", () => {
    const twice = rebaseDraft(rebaseDraft(edits, summary("2", "one")) ?? draft, summary("3", "one", "five"));
    expect(texts(linesOf(twice ?? draft))).toEqual(["uno", "five", "four"]);
  });
});

describe("the state of a summary", () => {
  const edited: PageEvent = {
    type: "summary.drafted",
    threadId: "t",
    draft: withLine(draft, "k", "four"),
  };

  test("loses the draft only when it is saved or discarded", () => {
    const state = given(history([]), loaded(before), edited);
    expect(view(when(state, loaded(before)))?.draft).not.toBeNull();
    expect(view(when(state, loaded(summary("2", "x"))))?.draft?.rebased).toBe(true);
    expect(view(when(state, { type: "summary.failed", threadId: "t", outcome: "no" }))?.draft).not.toBeNull();
    expect(view(when(state, loaded(summary("2", "x"), { saved: true })))?.draft).toBeNull();
    expect(view(when(state, { type: "summary.drafted", threadId: "t", draft: null }))?.draft).toBeNull();
  });

  test("has the current work and its result", () => {
    const working = given(history([]), { type: "summary.working", threadId: "t", work: "compacting" });
    expect(view(working)).toMatchObject({ work: "compacting", outcome: null });
    expect(view(when(working, loaded(before, { outcome: "nothing to do" })))).toMatchObject({
      work: null,
      outcome: "nothing to do",
    });
  });

  test("stays when messages are loaded again", () => {
    expect(view(given(loaded(before), history(talk(2))))?.value).toBe(before);
  });
});

describe("the panel", () => {
  const at = (threadId: string | null, messageId: string | null = null): PageEvent => ({
    type: "location.changed",
    location: { threadId, messageId },
  });
  const open = (type: "summary" | "context"): PageEvent => ({
    type: "panel.changed",
    panel: type === "summary" ? { type } : { type, turnId: "1" },
  });

  test("with the summary stays while the reader follows its sources, and closes with the thread", () => {
    const state = given(at("t"), open("summary"));
    expect(when(state, at("t", "u1")).panel).toEqual({ type: "summary" });
    expect(when(state, at("other")).panel).toBeNull();
    expect(when(state, { type: "thread.removed", id: "t" }).panel).toBeNull();
  });

  test("with a context report closes when a message is opened", () => {
    expect(given(at("t"), open("context"), at("t", "u1")).panel).toBeNull();
  });
});

describe("loading a summary", () => {
  const ready = (rounds: number, hasMore = false) => given(history(talk(rounds), hasMore));

  test("is skipped while all messages are among those that are never compacted", () => {
    expect(mayHaveSummary(ready(10), "t")).toBe(false);
    expect(mayHaveSummary(ready(11), "t")).toBe(true);
    expect(mayHaveSummary(ready(2, true), "t")).toBe(true);
    expect(mayHaveSummary(ready(2), "unknown")).toBe(false);
  });

  test("is useful where there was one, and where its panel is open", () => {
    expect(mayHaveSummary(when(ready(2), loaded(before)), "t")).toBe(true);
    expect(mayHaveSummary(when(ready(2), loaded(summary(null))), "t")).toBe(false);
    const place: PageEvent = { type: "location.changed", location: { threadId: "t", messageId: null } };
    const open = when(ready(2), place, { type: "panel.changed", panel: { type: "summary" } });
    expect(mayHaveSummary(open, "t")).toBe(true);
  });
});
