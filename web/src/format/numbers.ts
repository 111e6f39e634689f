import type { Usage } from "../transport/protocol.ts";

/** 950, 1.2k, 34k, 1.2M */
export function shortNumber(count: number): string {
  if (count < 1000) return String(count);
  const [value, unit] = count < 999_500 ? [count / 1000, "k"] : [count / 1_000_000, "M"];
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)}${unit}`;
}

/** Dollars with the digits that matter: $0.0012, $0.34, $12.50. Amounts stay text until they are shown. */
export function dollars(amount: string | null): string | null {
  if (amount === null) return null;
  const value = Number(amount);
  if (!Number.isFinite(value)) return null;
  if (value === 0) return "$0";
  if (value < 0) return `−${dollars(String(-value)) ?? ""}`;
  if (value < 0.0001) return "<$0.0001";
  return `$${value.toFixed(value < 0.01 ? 4 : value < 1 ? 3 : 2)}`;
}

/** Dollars with four decimals, for two amounts that are compared. */
export function exactDollars(amount: string | null): string | null {
  const value = Number(amount ?? Number.NaN);
  return Number.isFinite(value) && value >= 0.0001 ? `$${value.toFixed(4)}` : dollars(amount);
}

export function tokenCount(usage: Usage | null): string | null {
  return usage === null || usage.total_tokens === 0 ? null : `${shortNumber(usage.total_tokens)} tokens`;
}

/** The share of the prompt that was read from the cache, in whole percent. */
export function cachedShare(usage: Usage): number | null {
  const cached = usage.cached_input_tokens ?? 0;
  return cached === 0 || usage.input_tokens === 0 ? null : Math.round((100 * cached) / usage.input_tokens);
}

/** The label of a model: from the server where it gives one, else from the id. */
export function modelLabel(
  id: string,
  models: readonly { readonly id: string; readonly label: string }[],
): string {
  return models.find((model) => model.id === id)?.label ?? modelName(id);
}

/** Removes the date: "claude-sonnet-4-5-20250929" becomes "claude-sonnet-4-5". */
export function modelName(id: string): string {
  return id.replace(/-20\d{6}$/, "").replace(/\.gguf$/i, "");
}
