// Turns usage reports into the series and shares that the plots show. Pure.

import { outcomeTitle } from "../format/call-outcomes.ts";
import { KIND_LABELS, promptTokens } from "../format/usage-kinds.ts";
import type { UsageKind } from "../transport/protocol.ts";
import type { Budget, UsageTotals } from "./report.ts";

/** In this order, which also decides their colors. */
const KINDS: readonly UsageKind[] = ["cache_read", "input", "cache_write_5m", "cache_write_1h", "output"];

/** One line or one layer of a plot: a value for each day, null where there is none. */
export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

/** Gives the label of a model. */
type ModelLabel = (model: string) => string;

/** `count` days ending with `last`, oldest first, as `2026-11-20`. */
export function daysUntil(last: string, count: number): string[] {
  const end = Date.parse(`${last}T00:00:00Z`);
  return Array.from({ length: count }, (_, index) =>
    new Date(end - (count - 1 - index) * 86_400_000).toISOString().slice(0, 10),
  );
}

/** The current day in a time zone. */
export function today(now: Date, timeZone: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" }).format(now);
}

/** A layer for each model, the one with the highest total first. */
export function seriesByModel(
  groups: readonly UsageTotals[],
  days: readonly string[],
  label: ModelLabel,
  value: (totals: UsageTotals) => number,
): Series[] {
  const models = new Map<string, number[]>();
  for (const totals of groups) {
    const day = days.indexOf(totals.group["day"] ?? "");
    if (day < 0) continue;
    const model = labelOf(totals, label);
    const values = models.get(model) ?? days.map(() => 0);
    values[day] = (values[day] ?? 0) + value(totals);
    models.set(model, values);
  }
  return [...models]
    .map(([model, values]) => ({ label: model, values }))
    .filter(({ values }) => sum(values) > 0)
    .sort((first, second) => sum(second.values) - sum(first.values));
}

export function tokensByKind(groups: readonly UsageTotals[], days: readonly string[]): Series[] {
  return KINDS.map((kind) => ({
    label: KIND_LABELS[kind],
    values: perDay(groups, days, ({ tokens }) => tokens[kind]),
  })).filter(({ values }) => sum(values) > 0);
}

/** The share of each day's prompts that was read from the cache, in percent. */
export function cacheSeries(groups: readonly UsageTotals[], days: readonly string[]): Series {
  const read = perDay(groups, days, ({ tokens }) => tokens.cache_read);
  const prompts = perDay(groups, days, ({ tokens }) => promptTokens(tokens));
  return {
    label: "from the cache",
    values: prompts.map((prompt, day) => (prompt > 0 ? (100 * (read[day] ?? 0)) / prompt : null)),
  };
}

/** Seconds to the first token on each day: median and 95th percentile. */
export function firstTokenSeries(groups: readonly UsageTotals[], days: readonly string[]): Series[] {
  const valuesOf = (percentile: "p50" | "p95") =>
    days.map((day) => {
      const times = groups.find(({ group }) => group["day"] === day)?.first_token_ms ?? null;
      return times === null ? null : times[percentile] / 1000;
    });
  return [
    { label: "median", values: valuesOf("p50") },
    { label: "95th percentile", values: valuesOf("p95") },
  ];
}

/** What the calls cost, and what they would have cost on the top model without a cache. */
export function savingsSeries(
  groups: readonly UsageTotals[],
  days: readonly string[],
  topModel: string,
): Series[] {
  const top = ({ top_model_usd }: UsageTotals) => Number(top_model_usd ?? 0);
  return [
    { label: `everything on ${topModel}, nothing cached`, values: perDay(groups, days, top) },
    {
      label: "paid",
      values: perDay(groups, days, (totals) => top(totals) - Number(totals.saved_usd ?? 0)),
    },
  ];
}

export interface Share {
  readonly label: string;
  readonly count: number;
  readonly share: number;
}

/** Failed and cancelled calls by outcome, the most frequent first; shares are of all calls. */
export function failedCalls(groups: readonly UsageTotals[]): Share[] {
  const total = sum(groups.map(({ calls }) => calls));
  return groups
    .filter(({ group }) => group["outcome"] !== "ok")
    .map(({ group, calls }) => ({
      label: outcomeTitle(group["outcome"] ?? "unknown"),
      count: calls,
      share: calls / total,
    }))
    .sort((first, second) => second.count - first.count);
}

/** The calls of each model. */
export function callsByModel(groups: readonly UsageTotals[], label: ModelLabel): Share[] {
  const counts = new Map<string, number>();
  for (const totals of groups) {
    const model = labelOf(totals, label);
    counts.set(model, (counts.get(model) ?? 0) + totals.calls);
  }
  const total = sum([...counts.values()]);
  return [...counts]
    .map(([model, count]) => ({ label: model, count, share: count / total }))
    .sort((first, second) => second.count - first.count);
}

/** The used and reserved share of a budget, from 0 to 1; null where the server does not tell. */
export function budgetFill({ limit, used, reserved }: Budget): number | null {
  const total = Number(limit ?? 0);
  return total > 0 ? Math.min(1, (Number(used ?? 0) + Number(reserved ?? 0)) / total) : null;
}

/** Layers stacked on each other: the values of each include those below it; the topmost comes first. */
export function stacked(series: readonly Series[]): Series[] {
  const below: number[] = [];
  return series
    .map(({ label, values }) => ({
      label,
      values: values.map((value, day) => (below[day] = (below[day] ?? 0) + (value ?? 0))),
    }))
    .reverse();
}

function labelOf({ group }: UsageTotals, label: ModelLabel): string {
  const model = group["model"] ?? null;
  return model === null ? "unknown" : label(model);
}

function perDay(
  groups: readonly UsageTotals[],
  days: readonly string[],
  value: (totals: UsageTotals) => number,
): number[] {
  const values = days.map(() => 0);
  for (const totals of groups) {
    const day = days.indexOf(totals.group["day"] ?? "");
    if (day >= 0) values[day] = (values[day] ?? 0) + value(totals);
  }
  return values;
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
