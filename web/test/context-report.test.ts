// @vitest-environment node
import { describe, expect, test } from "vitest";
import {
  cacheMissText,
  candidateRows,
  leftOutText,
  otherCalls,
  picoToDollars,
  reasonRows,
  replyCall,
  shortenedReason,
  shortenedText,
  signalLabels,
  splitMessageIds,
  usageRows,
  windowFill,
} from "../src/format/context-report.ts";
import type { Call } from "../src/transport/protocol.ts";
import { plan, usage } from "./builders.ts";

const call = (known: Partial<Call> = {}): Call => ({
  purpose: "reply",
  model: "m",
  outcome: "ok",
  actual_usage: usage(),
  estimated_usage: null,
  cache_miss: null,
  cost_usd: null,
  ...known,
});

describe("short replies", () => {
  test("say how much of a reply was sent, and why", () => {
    expect(shortenedText({ message_id: "m", tokens: 310, saved: 1290 })).toBe(
      "the first 310 of about 1,600 tokens",
    );
    const shortened = [{ message_id: "m", tokens: 310, saved: 1290 }];
    const reasons = {
      window: "the whole branch fits",
      shortened: "1 long reply is sent as the beginning only",
    };
    expect(shortenedReason(plan({ reasons, shortened }))).toBe("1 long reply is sent as the beginning only.");
    expect(reasonRows(plan({ reasons, shortened }))).toEqual([["Messages", "The whole branch fits"]]);
    expect(shortenedReason(plan({}))).toBeNull();
  });
});

describe("calls", () => {
  const context = (...calls: Call[]) => ({ turn_id: "t", plan: null, calls });

  test("the last attempt is the reply, and failed attempts are other calls", () => {
    const failed = call({ outcome: "overloaded" });
    const good = call({ cost_usd: "0.1" });
    const whole = context(failed, good, call({ purpose: "title" }), call({ purpose: "new_thing" }));
    expect(replyCall(whole)).toBe(good);
    expect(otherCalls(whole).map(({ name }) => name)).toEqual([
      "Failed attempt: the model is overloaded",
      "Title",
      "New thing",
    ]);
  });

  test("a turn without calls has no reply", () => {
    expect(replyCall(context())).toBeNull();
  });

  test("usage has five kinds, with or without an estimate", () => {
    expect(usageRows(null, usage({ input: 1, output: 2 })).map((row) => [row.estimated, row.actual])).toEqual(
      [
        [null, 0],
        [null, 0],
        [null, 0],
        [null, 1],
        [null, 2],
      ],
    );
    expect(picoToDollars(14_780_000_000)).toBe("0.01478");
    expect(picoToDollars(null)).toBeNull();
  });

  test.each([
    ["expired", "The cache entry had expired"],
    ["changed", "The cached text had changed"],
    ["model_or_settings", "The model or its settings had changed"],
    ["lookback", "The cache entry was too far back"],
    ["unknown", "The cause is unknown"],
  ])("a cache miss names its size and cause: %s", (cause, words) => {
    const miss = call({
      cache_miss: `${cause}: block 2 of 9 (message m1) is not what it was`,
      estimated_usage: usage({ cache_read: 5000 }),
      actual_usage: usage({ cache_read: 600 }),
    });
    expect(cacheMissText(miss)).toBe(
      `Cache miss: 4,400 tokens were not read from the cache as estimated. ${words}: block 2 of 9 (message m1) is not what it was.`,
    );
  });

  test("a cache miss with an unknown cause shows its detail, and no miss shows nothing", () => {
    expect(cacheMissText(call({ cache_miss: "diagnosed: the provider says: tools_changed" }))).toBe(
      "Cache miss: less was read from the cache than estimated: the provider says: tools_changed.",
    );
    expect(cacheMissText(call({ cache_miss: "because" }))).toBe(
      "Cache miss: less was read from the cache than estimated: because.",
    );
    expect(cacheMissText(call())).toBeNull();
  });
});

describe("texts", () => {
  test("of what was left out", () => {
    const left = (what: string, messages: number, tokens: number) =>
      leftOutText({ what, messages, tokens, why: "" });
    expect(left("window", 16, 3200)).toBe("16 messages (about 3,200 tokens)");
    expect(left("window", 0, 0)).toBe("Older messages");
    expect(left("summary", 0, 900)).toBe("The summary (about 900 tokens)");
    expect(left("recall msg_1", 0, 80)).toBe("A recalled message (about 80 tokens)");
    expect(left("tool_results", 0, 0)).toBe("Tool results");
  });

  test("of reasons, also those of a newer server", () => {
    const reasons = { route: "asked for", weather: "rain", compaction: "" };
    expect(reasonRows({ reasons })).toEqual([
      ["Model", "Asked for"],
      ["Weather", "Rain"],
    ]);
    expect(reasonRows({})).toEqual([]);
  });

  test("separate the message ids in a reason", () => {
    const pieces = splitMessageIds(
      "up to msg_01ABCDEF and 6f0b21c4-77 of system-prompt",
      (id) => id === "6f0b21c4-77",
    );
    expect(pieces.filter(({ isId }) => isId).map(({ text }) => text)).toEqual([
      "msg_01ABCDEF",
      "6f0b21c4-77",
    ]);
    expect(pieces.map(({ text }) => text).join("")).toBe(
      "up to msg_01ABCDEF and 6f0b21c4-77 of system-prompt",
    );
  });
});

describe("the window gauge", () => {
  test("compares the messages sent verbatim with the largest window", () => {
    expect(windowFill(plan(), 880)).toEqual({ verbatim: 440, total: 1000, limit: 880, share: 0.5 });
    expect(windowFill(plan(), 100)?.share).toBe(1);
  });

  test("has no value where either is unknown", () => {
    expect(windowFill(plan(), undefined)).toBeNull();
    expect(windowFill(null, 880)).toBeNull();
    expect(windowFill({}, 880)).toBeNull();
  });
});

describe("the models considered", () => {
  const route = {
    candidates: [
      { tier: "simple", model: "h", label: "Haiku", price_pico_usd: 4e8, admissible: true, why: "" },
      { tier: "standard", model: "s", label: "", price_pico_usd: null, admissible: true, why: "" },
      {
        tier: "complex",
        model: "o",
        label: "Opus",
        price_pico_usd: null,
        admissible: false,
        why: "the circuit breaker is open",
      },
    ],
    complexity: {
      score: 0.1,
      unsure: false,
      signals: [["thanks", 1, "strongly towards less"]] as const,
    },
  };

  test("have a price or the reason why they were not available", () => {
    expect(candidateRows(plan({ route }))).toEqual([
      { name: "Haiku", note: "$0.0004" },
      { name: "s", note: "price unknown" },
      { name: "Opus", note: "the circuit breaker is open" },
    ]);
  });

  test("have signals from the message", () => {
    expect(signalLabels(plan({ route }))).toEqual(["thanks (strongly towards less)"]);
  });

  test("are empty for a turn that stored less", () => {
    expect([candidateRows(plan()), signalLabels(plan())]).toEqual([[], []]);
  });
});
