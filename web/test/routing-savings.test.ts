import { describe, expect, it } from "vitest";
import type { RoutingReport } from "../src/usage/report.ts";
import { routingSavings } from "../src/usage/routing-savings.ts";

const REPORT: RoutingReport = {
  threads: 2,
  turns: 40,
  cost_usd: "0.5",
  single_tier_usd: "0.75",
  saved_usd: "0.25",
  needed_more: 3,
  surplus_usd: "0.125",
  more: false,
};

describe("the card of what routing saved", () => {
  it("compares with the best single tier and shows the price of the turns that needed more", () => {
    expect(routingSavings(REPORT)).toEqual([
      "Saved by routing",
      "$0.250",
      "against each conversation's best single tier, $0.750; 3 turns that needed more cost $0.125",
    ]);
  });

  it("shows a loss as a loss", () => {
    const [, value, note] = routingSavings({ ...REPORT, saved_usd: "-0.05", surplus_usd: "0" });
    expect(value).toBe("−$0.050");
    expect(note).toBe("against each conversation's best single tier, $0.750");
  });

  it("says when only part of the calls were compared, or none", () => {
    expect(routingSavings({ ...REPORT, needed_more: 0, more: true })[2]).toContain("; the oldest calls");
    expect(routingSavings({ ...REPORT, threads: 0 })).toEqual([
      "Saved by routing",
      "–",
      "no priced replies in this period",
    ]);
  });
});
