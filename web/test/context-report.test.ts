import { describe, expect, test } from "vitest";
import type { Call, Kinds, Plan } from "../src/transport/protocol.ts";
import {
  billOf,
  candidatesOf,
  fullnessOf,
  leftOutWords,
  markWords,
  otherCalls,
  reasonsOf,
  replyOf,
  shortfallWords,
  signalsOf,
  slicesOf,
  sourceWords,
  usd,
  withIds,
} from "../src/format/context-report.ts";
import { message, talk } from "./builders.ts";

const kinds = (known: Partial<Kinds> = {}): Kinds => ({
  input: 0,
  cache_read: 0,
  cache_write_5m: 0,
  cache_write_1h: 0,
  output: 0,
  ...known,
});

const call = (known: Partial<Call> = {}): Call => ({
  purpose: "reply",
  model: "m",
  outcome: "ok",
  billed: kinds(),
  predicted: null,
  shortfall: null,
  cost_usd: null,
  ...known,
});

const plan = (known: Partial<Plan> = {}): Plan => ({
  estimate: { tools: 0, system: 200, summary: 300, window: 400, recall: 60, new: 40, total: 1000 },
  ...known,
});

const marked = (...at: string[]): Plan =>
  plan({
    recipe: {
      first_message_id: "u1",
      last_message_id: "u3",
      breakpoints: at.map((each) => ({ at: each, ttl: "5m" })),
    },
  });

describe("the parts of the prompt", () => {
  test("stand in the order of the request, without those that are empty", () => {
    expect(slicesOf(plan(), null, []).map(({ section }) => section)).toEqual([
      "system",
      "summary",
      "window",
      "new",
      "recall",
    ]);
  });

  test("are covered from the left: what was read, then what was written, then the rest", () => {
    const slices = slicesOf(plan(), kinds({ cache_read: 600, cache_write_5m: 200, input: 200 }), []);
    expect(slices.map(({ from }) => [from.read, from.written, from.fresh])).toEqual([
      [200, 0, 0],
      [300, 0, 0],
      [100, 200, 100],
      [0, 0, 40],
      [0, 0, 60],
    ]);
  });

  test("are covered up to the last mark, however the bill differs from the estimate", () => {
    const slices = slicesOf(
      marked("ladder"),
      kinds({ cache_read: 300, cache_write_1h: 100, input: 500 }),
      [],
    );
    expect(slices.map(({ from }) => from.fresh)).toEqual([0, 0, 400, 40, 60]);
    expect(slices[1]?.from).toEqual({ read: 175, written: 125, fresh: 0 });
  });

  test("keep the share of the bill where a mark is not in sight", () => {
    const slices = slicesOf(marked("ladder", "u2"), kinds({ cache_read: 500, input: 500 }), []);
    expect(slices.map(({ from }) => from.read)).toEqual([200, 300, 0, 0, 0]);
  });

  test("of any bill add up to the estimate", () => {
    for (const cache_read of [0, 1, 333, 999, 5000]) {
      for (const input of [0, 7, 4000]) {
        for (const { tokens, from } of slicesOf(plan(), kinds({ cache_read, cache_write_5m: 3, input }), []))
          expect(from.read + from.written + from.fresh).toBe(tokens);
      }
    }
  });

  test("of a plan without an estimate are none", () => {
    expect(slicesOf({}, kinds({ input: 5 }), [])).toEqual([]);
  });

  test.each([
    [{ read: 100, written: 0, fresh: 0 }, "from the cache"],
    [{ read: 62, written: 8, fresh: 30 }, "62% from the cache, 8% written to it"],
    [{ read: 0, written: 100, fresh: 0 }, "written to the cache"],
    [{ read: 0, written: 50, fresh: 50 }, "50% written to the cache"],
    [{ read: 0, written: 0, fresh: 100 }, "not cached"],
  ])("say where they came from: %o", (from, words) => {
    expect(sourceWords({ section: "window", name: "", tokens: 100, from, marks: [] })).toBe(words);
  });
});

describe("marks", () => {
  const at = (spot: string, messages = talk(3)) =>
    slicesOf(marked(spot), null, messages).flatMap(({ section, marks }) =>
      marks.map((mark) => [section, mark.at]),
    );

  test("end the system prompt, the summary and the new message", () => {
    expect([...at("system"), ...at("ladder"), ...at("u3")]).toEqual([
      ["system", 1],
      ["summary", 1],
      ["new", 1],
    ]);
  });

  test("stand within the window by the length of what comes before", () => {
    const messages = [
      message("u1", null, { parts: [{ type: "text", text: "x".repeat(10) }] }),
      message("a1", "u1", { parts: [{ type: "text", text: "x".repeat(20) }] }),
      message("u2", "a1", { parts: [{ type: "text", text: "x".repeat(10) }] }),
      message("u3", "u2"),
    ];
    expect(at("a1", messages)).toEqual([["window", 0.75]]);
  });

  test("on a message that is not loaded are only said", () => {
    expect(at("u2", [])).toEqual([]);
    expect(markWords(marked("u2"))).toEqual(["after an earlier message, for 5 minutes"]);
  });
});

describe("calls", () => {
  const context = (...calls: Call[]) => ({ turn_id: "t", plan: null, calls });

  test("of the answer: the last attempt counts, the failed ones are named besides", () => {
    const failed = call({ outcome: "overloaded" });
    const good = call({ cost_usd: "0.1" });
    const whole = context(failed, good, call({ purpose: "title" }), call({ purpose: "new_thing" }));
    expect(replyOf(whole)).toBe(good);
    expect(otherCalls(whole).map(({ name }) => name)).toEqual([
      "An attempt that failed: the model is overloaded",
      "Writing the title",
      "New thing",
    ]);
  });

  test("that nobody made are none", () => {
    expect(replyOf(context())).toBeNull();
  });

  test("have a bill of five kinds, foreseen or not", () => {
    expect(billOf(null, kinds({ input: 1, output: 2 })).map((row) => [row.foreseen, row.billed])).toEqual([
      [null, 0],
      [null, 0],
      [null, 0],
      [null, 1],
      [null, 2],
    ]);
    expect(usd(14_780_000_000)).toBe("0.01478");
    expect(usd(null)).toBeNull();
  });

  test.each([
    ["expired", "It had expired"],
    ["changed", "What was cached had changed"],
    ["model_or_settings", "The model or its settings had changed"],
    ["lookback", "It stood too far back to be found"],
    ["unknown", "Why is not known"],
  ])("say what the cache did not bring, and why: %s", (cause, words) => {
    const fell = call({
      shortfall: `${cause}: block 2 of 9 (message m1) is not what it was`,
      predicted: kinds({ cache_read: 5000 }),
      billed: kinds({ cache_read: 600 }),
    });
    expect(shortfallWords(fell)).toBe(
      `4,400 tokens that should have come from the cache did not. ${words}: block 2 of 9 (message m1) is not what it was.`,
    );
  });

  test("say so too where the cause has no name here, and nothing where nothing is amiss", () => {
    expect(shortfallWords(call({ shortfall: "diagnosed: the provider says: tools_changed" }))).toBe(
      "The cache helped less than foreseen: the provider says: tools_changed.",
    );
    expect(shortfallWords(call({ shortfall: "because" }))).toBe(
      "The cache helped less than foreseen: because.",
    );
    expect(shortfallWords(call())).toBeNull();
  });
});

describe("words", () => {
  test("for what was left out", () => {
    const left = (what: string, messages: number, tokens: number) =>
      leftOutWords({ what, messages, tokens, why: "" });
    expect(left("window", 16, 3200)).toBe("16 messages (about 3,200 tokens)");
    expect(left("window", 0, 0)).toBe("Older messages");
    expect(left("summary", 0, 900)).toBe("The summary (about 900 tokens)");
    expect(left("recall msg_1", 0, 80)).toBe("A recalled message (about 80 tokens)");
    expect(left("tool_results", 0, 0)).toBe("Tool results");
  });

  test("for reasons, also those of a newer server", () => {
    const reasons = { route: "asked for", weather: "rain", fold: "" };
    expect(reasonsOf({ reasons })).toEqual([
      ["Model", "Asked for"],
      ["Weather", "Rain"],
    ]);
    expect(reasonsOf({})).toEqual([]);
  });

  test("find the messages a reason names", () => {
    const pieces = withIds(
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

describe("the gauge", () => {
  test("compares what is told word for word with the most there may be", () => {
    expect(fullnessOf(plan(), 880)).toEqual({ verbatim: 440, total: 1000, most: 880, share: 0.5 });
    expect(fullnessOf(plan(), 100)?.share).toBe(1);
  });

  test("says nothing where either is unknown", () => {
    expect(fullnessOf(plan(), undefined)).toBeNull();
    expect(fullnessOf(null, 880)).toBeNull();
    expect(fullnessOf({}, 880)).toBeNull();
  });
});

describe("the model's choice", () => {
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
        why: "is resting",
      },
    ],
    complexity: {
      score: 0.1,
      unsure: false,
      signals: [["thanks", 1, "strongly towards less"]] as const,
    },
  };

  test("names every model with its price or why it could not answer", () => {
    expect(candidatesOf(plan({ route }))).toEqual([
      { name: "Haiku", note: "$0.0004" },
      { name: "s", note: "no known price" },
      { name: "Opus", note: "is resting" },
    ]);
  });

  test("tells what was seen in the message", () => {
    expect(signalsOf(plan({ route }))).toEqual(["thanks (strongly towards less)"]);
  });

  test("is nothing for a turn that knows less", () => {
    expect([candidatesOf(plan()), signalsOf(plan())]).toEqual([[], []]);
  });
});
