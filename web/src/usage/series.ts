// What `/api/usage` answers, turned into what the plots show. Pure.

import { outcomeTitle } from "../format/call-outcomes.ts";

export interface Sums {
  readonly group: Readonly<Record<string, string | null>>;
  readonly calls: number;
  readonly ok: number;
  readonly refused: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly estimated: number;
  readonly unpriced: number;
  readonly tokens: Readonly<Record<Kind, number>> & { readonly reasoning: number };
  readonly cost_usd: string | null;
  readonly first_token_ms: { readonly p50: number; readonly p95: number } | null;
  readonly top_model_usd: string | null;
  readonly saved_usd: string | null;
}

export interface Report {
  readonly groups: readonly Sums[];
  readonly more: boolean;
  readonly total: Sums;
  readonly top_model: string;
}

/** As `/api/budgets` has it: amounts in the unit, null where others spend from it too. */
export interface Budget {
  readonly scope: string;
  readonly name: string | null;
  readonly unit: string;
  readonly period: string;
  readonly limit: string | null;
  readonly used: string | null;
  readonly reserved: string | null;
  readonly resets_at: string;
}

export type Kind = "input" | "cache_read" | "cache_write_5m" | "cache_write_1h" | "output";

export const KINDS: Readonly<Record<Kind, string>> = {
  cache_read: "read from the cache",
  input: "not cached",
  cache_write_5m: "written, 5 minutes",
  cache_write_1h: "written, 1 hour",
  output: "output",
};

/** One line or one layer of a plot: a value for each day, null where there is none. */
export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

/** `count` days ending with `last`, oldest first, as `2026-11-20`. */
export function daysUntil(last: string, count: number): string[] {
  const end = Date.parse(`${last}T00:00:00Z`);
  return Array.from({ length: count }, (_, back) =>
    new Date(end - (count - 1 - back) * 86_400_000).toISOString().slice(0, 10),
  );
}

/** The day it is in a place. */
export function today(now: Date, timeZone: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" }).format(now);
}

/** What people call a model. */
type Name = (model: string) => string;

/** A layer for each model, the dearest (or busiest) first. */
export function byModel(
  groups: readonly Sums[],
  days: readonly string[],
  name: Name,
  value: (sums: Sums) => number,
): Series[] {
  const models = new Map<string, number[]>();
  for (const sums of groups) {
    const at = days.indexOf(sums.group["day"] ?? "");
    if (at < 0) continue;
    const label = modelOf(sums, name);
    const values = models.get(label) ?? days.map(() => 0);
    values[at] = (values[at] ?? 0) + value(sums);
    models.set(label, values);
  }
  return [...models]
    .map(([label, values]) => ({ label, values }))
    .filter(({ values }) => total(values) > 0)
    .sort((one, other) => total(other.values) - total(one.values));
}

export function byKind(groups: readonly Sums[], days: readonly string[]): Series[] {
  const names = Object.keys(KINDS) as Kind[];
  return names
    .map((kind) => ({ label: KINDS[kind], values: perDay(groups, days, (sums) => sums.tokens[kind]) }))
    .filter(({ values }) => total(values) > 0);
}

/** The share of each day's prompts that came from the cache, in per cent. */
export function cacheShare(groups: readonly Sums[], days: readonly string[]): Series {
  const read = perDay(groups, days, (sums) => sums.tokens.cache_read);
  const prompts = perDay(groups, days, (sums) => promptOf(sums));
  return {
    label: "from the cache",
    values: prompts.map((prompt, at) => (prompt > 0 ? (100 * (read[at] ?? 0)) / prompt : null)),
  };
}

/** Seconds to the first words: p50 and p95 of each day. */
export function firstToken(groups: readonly Sums[], days: readonly string[]): Series[] {
  const of = (name: "p50" | "p95") =>
    days.map((day) => {
      const found = groups.find((sums) => sums.group["day"] === day)?.first_token_ms ?? null;
      return found === null ? null : found[name] / 1000;
    });
  return [
    { label: "half of the answers within", values: of("p50") },
    { label: "95% of the answers within", values: of("p95") },
  ];
}

/** What was paid, and what the top model without a cache would have cost. */
export function savings(groups: readonly Sums[], days: readonly string[], topModel: string): Series[] {
  return [
    {
      label: `everything on ${topModel}, nothing cached`,
      values: perDay(groups, days, (sums) => Number(sums.top_model_usd ?? 0)),
    },
    {
      label: "paid",
      values: perDay(groups, days, (sums) => Number(sums.top_model_usd ?? 0) - Number(sums.saved_usd ?? 0)),
    },
  ];
}

export interface Share {
  readonly label: string;
  readonly count: number;
  readonly share: number;
}

/** How calls ended that did not go well, the commonest first; shares are of all calls. */
export function errors(groups: readonly Sums[]): Share[] {
  const all = groups.reduce((sum, { calls }) => sum + calls, 0);
  return groups
    .filter(({ group }) => group["outcome"] !== "ok")
    .map(({ group, calls }) => ({
      label: outcomeTitle(group["outcome"] ?? "unknown"),
      count: calls,
      share: calls / all,
    }))
    .sort((one, other) => other.count - one.count);
}

/** How many of the calls each model answered. */
export function modelMix(groups: readonly Sums[], name: Name): Share[] {
  const counts = new Map<string, number>();
  for (const sums of groups) {
    const label = modelOf(sums, name);
    counts.set(label, (counts.get(label) ?? 0) + sums.calls);
  }
  const all = total([...counts.values()]);
  return [...counts]
    .map(([label, count]) => ({ label, count, share: count / all }))
    .sort((one, other) => other.count - one.count);
}

/** How full a budget is, between 0 and 1, with what running calls have set aside; null where that is not ours to know. */
export function fullness({ limit, used, reserved }: Budget): number | null {
  const most = Number(limit ?? 0);
  return most > 0 ? Math.min(1, (Number(used ?? 0) + Number(reserved ?? 0)) / most) : null;
}

/** Amounts along an axis, all with as many digits as the finest of them needs. */
export function moneyTicks(values: readonly number[]): string[] {
  const even = (digits: number) =>
    values.every((value) => Math.abs(value - Number(value.toFixed(digits))) < 1e-9);
  const digits = [0, 2, 3, 4, 5].find(even) ?? 6;
  return values.map((value) => `$${value.toFixed(digits)}`);
}

export function promptOf({ tokens }: Sums): number {
  return tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h;
}

/** Layers on top of each other: each has the sum of itself and those below it, the topmost first. */
export function stacked(series: readonly Series[]): Series[] {
  const below: number[] = [];
  return series
    .map(({ label, values }) => ({
      label,
      values: values.map((value, at) => (below[at] = (below[at] ?? 0) + (value ?? 0))),
    }))
    .reverse();
}

function modelOf({ group }: Sums, name: Name): string {
  const model = group["model"] ?? null;
  return model === null ? "unknown" : name(model);
}

function perDay(groups: readonly Sums[], days: readonly string[], value: (sums: Sums) => number): number[] {
  const values = days.map(() => 0);
  for (const sums of groups) {
    const at = days.indexOf(sums.group["day"] ?? "");
    if (at >= 0) values[at] = (values[at] ?? 0) + value(sums);
  }
  return values;
}

function total(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
