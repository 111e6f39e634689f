// @vitest-environment node
import { describe, expect, it } from "vitest";
import { dollars } from "../src/format/numbers.ts";
import { createUrls } from "../src/app/url.ts";
import {
  tokensByKind,
  seriesByModel,
  cacheSeries,
  daysUntil,
  failedCalls,
  firstTokenSeries,
  budgetFill,
  callsByModel,
  savingsSeries,
  stacked,
  today,
} from "../src/usage/series.ts";
import { moneyTicks } from "../src/usage/number-formats.ts";
import type { UsageTotals } from "../src/usage/report.ts";

function sums(group: Record<string, string | null>, more: Partial<UsageTotals> = {}): UsageTotals {
  return {
    group,
    calls: 1,
    ok: 1,
    refused: 0,
    cancelled: 0,
    failed: 0,
    estimated: 0,
    unpriced: 0,
    tokens: { input: 10, cache_read: 80, cache_write_5m: 10, cache_write_1h: 0, output: 5, reasoning: 0 },
    cost_usd: "0.5",
    first_token_ms: { p50: 900, p95: 2500 },
    top_model_usd: "2",
    saved_usd: "1.5",
    ...more,
  };
}

const DAYS = ["2026-11-18", "2026-11-19", "2026-11-20"];
const name = (model: string) => model.toUpperCase();
const cost = (totals: UsageTotals) => Number(totals.cost_usd ?? 0);

describe("days", () => {
  it("end with the current day of the reader's time zone", () => {
    const late = new Date("2026-11-20T23:30:00Z");
    expect(today(late, "UTC")).toBe("2026-11-20");
    expect(today(late, "Europe/Vienna")).toBe("2026-11-21");
    expect(daysUntil("2026-03-01", 3)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01"]);
  });
});

describe("layers by model", () => {
  it("have a value for every day, the most expensive first, and none for models without cost", () => {
    const groups = [
      sums({ day: "2026-11-20", model: "a" }),
      sums({ day: "2026-11-18", model: "b" }, { cost_usd: "3" }),
      sums({ day: "2026-11-19", model: "free" }, { cost_usd: null }),
      sums({ day: "2020-01-01", model: "old" }),
    ];
    expect(seriesByModel(groups, DAYS, name, cost)).toEqual([
      { label: "B", values: [3, 0, 0] },
      { label: "A", values: [0, 0, 0.5] },
    ]);
  });

  it("are stacked, the topmost first", () => {
    const layers = [
      { label: "below", values: [1, 2] },
      { label: "above", values: [3, null] },
    ];
    expect(stacked(layers)).toEqual([
      { label: "above", values: [4, 2] },
      { label: "below", values: [1, 2] },
    ]);
  });
});

describe("a day without calls", () => {
  const groups = [sums({ day: "2026-11-19" })];

  it("has no cache share and no time, rather than zero", () => {
    expect(cacheSeries(groups, DAYS).values).toEqual([null, 80, null]);
    expect(firstTokenSeries(groups, DAYS).map(({ values }) => values)).toEqual([
      [null, 0.9, null],
      [null, 2.5, null],
    ]);
  });

  it("used nothing", () => {
    expect(tokensByKind(groups, DAYS).map(({ label, values }) => [label, values[0]])).toEqual([
      ["cache read", 0],
      ["uncached input", 0],
      ["cache write, 5 minutes", 0],
      ["output", 0],
    ]);
  });
});

it("paid and saved add up to the cost on the top model", () => {
  const [top, paid] = savingsSeries([sums({ day: "2026-11-20" })], DAYS, "top");
  expect(top?.label).toBe("everything on top, nothing cached");
  expect([top?.values[2], paid?.values[2]]).toEqual([2, 0.5]);
});

it("shares are of all calls, and successful calls are no failures", () => {
  const outcomes = [
    sums({ outcome: "ok" }, { calls: 90 }),
    sums({ outcome: "timeout" }, { calls: 2 }),
    sums({ outcome: "overloaded" }, { calls: 8 }),
  ];
  expect(failedCalls(outcomes)).toEqual([
    { label: "The model is overloaded", count: 8, share: 0.08 },
    { label: "The model stopped answering", count: 2, share: 0.02 },
  ]);
  const models = [sums({ model: "a" }), sums({ model: "b" }, { calls: 3 }), sums({ model: "a" })];
  expect(callsByModel(models, name).map(({ label, share }) => [label, share])).toEqual([
    ["B", 0.6],
    ["A", 0.4],
  ]);
});

it("amounts along an axis have the same number of digits", () => {
  expect(moneyTicks([0, 5, 10])).toEqual(["$0", "$5", "$10"]);
  expect(moneyTicks([0, 0.5, 1])).toEqual(["$0.00", "$0.50", "$1.00"]);
  expect(moneyTicks([0, 0.1 + 0.2, 0.45])).toEqual(["$0.00", "$0.30", "$0.45"]);
  expect(moneyTicks([0, 0.0002])).toEqual(["$0.0000", "$0.0002"]);
});

it("the fill of a budget counts used and reserved amounts, and is unknown where others spend too", () => {
  const budget = { scope: "user", name: "a", unit: "usd", period: "day", resets_at: "" };
  expect(budgetFill({ ...budget, limit: "2", used: "0.5", reserved: "1" })).toBe(0.75);
  expect(budgetFill({ ...budget, limit: "2", used: "3", reserved: "0" })).toBe(1);
  expect(budgetFill({ ...budget, limit: null, used: null, reserved: null })).toBeNull();
});

it("the usage page has a URL of its own", () => {
  expect(
    ["/usage", "/usage/", "/t/usage", "/"].map((pathname) => createUrls("").isUsage({ pathname })),
  ).toEqual([true, true, false, false]);
});

it("a loss is shown as a negative amount", () => {
  expect(dollars("-0.1234")).toBe("−$0.123");
});
