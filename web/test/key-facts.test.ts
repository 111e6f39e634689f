// @vitest-environment node
import { describe, expect, test } from "vitest";
import type { KeyFact, Summary } from "../src/transport/protocol.ts";
import { draftOf, factsOf, linesOf, rebaseDraft, withChange } from "../src/state/summary.ts";

const fact = (kind: string, subject: string, value: string): KeyFact => ({
  kind,
  subject,
  value,
  sources: ["u1"],
  pinned: false,
});
const order = fact("identifier", "order", "4711");
const dog = fact("name", "dog", "Rex");

function summary(id: string, ...facts: KeyFact[]): Summary {
  const lines = [{ text: "one", sources: ["u0"], pinned: false, segment: "s" }];
  const segments = [{ id: "s", level: 0, first_message_id: "u0", last_message_id: "a1", tokens: 9 }];
  return { id, upto_message_id: "a1", tokens: 9, segments, lines, facts, past_facts: [], versions: [] };
}

const draft = draftOf(summary("1", order, dog));

describe("key facts in a draft", () => {
  test("are changed, pinned and removed like lines, and saved apart from them", () => {
    let next = withChange(draft, "1/fact/0", { text: " 4712\n", pinned: true });
    next = withChange(next, "1/fact/1", { removed: true });
    expect(factsOf(next)).toEqual([{ ...order, value: "4712", pinned: true }]);
    expect(linesOf(next)).toEqual(summary("1").lines);
    expect(factsOf(withChange(next, "1/fact/0", { removed: true }))).toEqual([]);
  });

  test("of a draft that knows none are not touched", () => {
    expect(factsOf(draftOf(summary("1")))).toBeUndefined();
  });

  test("are found by kind and subject in a newer version", () => {
    const edited = withChange(draft, "1/fact/0", { text: "4799" });
    const newer = summary("2", dog, fact("identifier", "order", "4712"));
    const rebased = rebaseDraft(edited, newer);
    expect(rebased && factsOf(rebased)).toEqual([dog, { ...order, value: "4799" }]);
  });

  test("that were removed stay when they have another value by then", () => {
    const removed = withChange(withChange(draft, "1/fact/0", { removed: true }), "1/fact/1", {
      removed: true,
    });
    const rebased = rebaseDraft(removed, summary("2", dog, fact("identifier", "order", "4712")));
    expect(rebased && factsOf(rebased)).toEqual([{ ...order, value: "4712" }]);
  });

  test("that are gone are added again when they were edited", () => {
    const edited = withChange(draft, "1/fact/0", { text: "4799" });
    const rebased = rebaseDraft(edited, summary("2", dog));
    expect(rebased && factsOf(rebased)).toEqual([dog, { ...order, value: "4799" }]);
  });
});
