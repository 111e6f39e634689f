import { dollars } from "../format/numbers.ts";
import type { RoutingReport } from "./report.ts";

/** What routing saved against each conversation's best single tier, as a card: its name, its value and a note. */
export function routingSavings(report: RoutingReport): readonly [name: string, value: string, note: string] {
  const name = "Saved by routing";
  if (report.threads === 0) return [name, "–", "no priced replies in this period"];
  const notes = [`against each conversation's best single tier, ${dollars(report.single_tier_usd) ?? "–"}`];
  if (report.needed_more > 0 && Number(report.surplus_usd) > 0) {
    const turns = `${report.needed_more.toLocaleString()} turns that needed more`;
    notes.push(`${turns} cost ${dollars(report.surplus_usd) ?? "–"}`);
  }
  if (report.more) notes.push("the oldest calls of the period only");
  return [name, dollars(report.saved_usd) ?? "–", notes.join("; ")];
}
