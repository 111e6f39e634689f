// How the usage page writes amounts, times and shares.

import { dollars } from "../format/numbers.ts";

export function money(value: number): string {
  return dollars(String(value)) ?? "";
}

export function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
}

export function percent(value: number): string {
  return `${Math.round(value)}%`;
}

/** A share from 0 to 1 in percent; small ones with a decimal. */
export function sharePercent(share: number): string {
  return share > 0 && share < 0.001 ? "<0.1%" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
}

/** Amounts along an axis, all with as many digits as the finest of them needs. */
export function moneyTicks(values: readonly number[]): string[] {
  const isExact = (digits: number) =>
    values.every((value) => Math.abs(value - Number(value.toFixed(digits))) < 1e-9);
  const digits = [0, 2, 3, 4, 5].find(isExact) ?? 6;
  return values.map((value) => `$${value.toFixed(digits)}`);
}
