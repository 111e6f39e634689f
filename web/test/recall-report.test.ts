import { describe, expect, test } from "vitest";
import { reasonRows } from "../src/format/context-report.ts";
import { recallText } from "../src/format/recall-report.ts";
import type { StoredRecall } from "../src/transport/protocol.ts";

const NONE: StoredRecall = {
  code: "asks_nothing",
  probability: 0,
  value_tokens: 100_000,
  messages: 0,
  tokens: 0,
  cost_pico_usd: null,
  because: [],
};

describe("why something was recalled, or nothing", () => {
  test("what was recalled, with its size, its price and the reasons", () => {
    const recall: StoredRecall = {
      ...NONE,
      code: "recalled",
      probability: 0.824,
      messages: 5,
      tokens: 1_812,
      cost_pico_usd: 3_624_000_000,
      because: ["asks", "words_are_old", "something_newer"],
    };
    expect(recallText({ recall })).toBe(
      "Recalled 5 messages, 1,812 tokens, $0.0036, because the message asks and its words stand in older messages: 82 % likely that it needs them.",
    );
    expect(recallText({ recall: { ...recall, messages: 1, cost_pico_usd: null, because: [] } })).toBe(
      "Recalled 1 message, 1,812 tokens, because the message may need them: 82 % likely that it needs them.",
    );
    expect(recallText({ recall: { ...recall, because: ["asks", "points", "reacts"] } })).toContain(
      "because the message asks, although it points at what was just said and it reacts to what was just said: 82 %",
    );
  });

  test("nothing, for each reason, also one of a newer server", () => {
    expect(recallText({ recall: NONE })).toBe(
      "Nothing recalled: the message asks nothing that older messages answer.",
    );
    expect(recallText({ recall: { ...NONE, code: "unlikely", probability: 0.004 } })).toBe(
      "Nothing recalled: it is too unlikely that the message needs something older (under 1 % likely).",
    );
    expect(recallText({ recall: { ...NONE, code: "moon" } })).toBe("Nothing recalled.");
    expect(recallText({})).toBeNull();
  });

  test("its reason stands in one place only", () => {
    const reasons = { recall: "nothing recalled: recall is switched off" };
    expect(reasonRows({ reasons, recall: NONE })).toEqual([]);
    expect(reasonRows({ reasons })).toHaveLength(1);
  });
});
