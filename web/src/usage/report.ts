// The types of `/api/usage`, `/api/usage/routing` and `/api/budgets`.

import type { UsageKind } from "../transport/protocol.ts";

export interface UsageTotals {
  readonly group: Readonly<Record<string, string | null>>;
  readonly calls: number;
  readonly ok: number;
  readonly refused: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly estimated: number;
  readonly unpriced: number;
  readonly tokens: Readonly<Record<UsageKind, number>> & { readonly reasoning: number };
  readonly cost_usd: string | null;
  readonly first_token_ms: { readonly p50: number; readonly p95: number } | null;
  readonly top_model_usd: string | null;
  readonly saved_usd: string | null;
}

export interface Report {
  readonly groups: readonly UsageTotals[];
  readonly more: boolean;
  readonly total: UsageTotals;
  readonly top_model: string;
}

/** What routing saved against each thread's best single tier that would have been good enough. */
export interface RoutingReport {
  readonly threads: number;
  readonly turns: number;
  readonly cost_usd: string;
  readonly single_tier_usd: string;
  readonly saved_usd: string;
  readonly needed_more: number;
  readonly surplus_usd: string;
  readonly more: boolean;
}

/** Amounts are in the unit of the budget; null where others spend from it too. */
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
