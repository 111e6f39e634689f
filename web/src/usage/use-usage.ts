import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../transport/http.ts";
import { useActions } from "../views/hooks/actions-context.ts";
import type { Budget, Report, RoutingReport } from "./report.ts";

/** Which calls to report. */
export interface UsageQuery extends Record<string, string> {
  readonly from: string;
  readonly to: string;
  readonly time_zone: string;
  readonly scope: string;
}

export interface UsageData {
  readonly days: readonly string[];
  readonly models: Report;
  readonly replies: Report;
  readonly outcomes: Report;
  readonly routing: RoutingReport;
  readonly budgets: readonly Budget[];
}

interface Usage {
  /** The last data stay while others load. */
  readonly data: UsageData | null;
  readonly isLoading: boolean;
  readonly problem: string | null;
  readonly retry: () => void;
}

export function useUsage(query: UsageQuery, days: readonly string[]): Usage {
  const { api } = useActions();
  const [data, setData] = useState<UsageData | null>(null);
  const [isLoading, setLoading] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let isCurrent = true;
    setLoading(true);
    setProblem(null);
    Promise.all([
      api.usage<Report>({ ...query, group_by: "day,model", limit: 5000 }),
      api.usage<Report>({ ...query, group_by: "day", purpose: "reply" }),
      api.usage<Report>({ ...query, group_by: "outcome" }),
      api.routingUsage<RoutingReport>(query),
      api.budgets<{ budgets: Budget[] }>(),
    ]).then(
      ([models, replies, outcomes, routing, { budgets }]) => {
        if (!isCurrent) return;
        setData({ days, models, replies, outcomes, routing, budgets });
        setLoading(false);
      },
      (error: unknown) => {
        if (!isCurrent) return;
        // Data of another period or scope must not pass for the requested ones.
        setData(null);
        setProblem(error instanceof ApiError ? error.message : "The usage data could not be read.");
        setLoading(false);
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [api, query, days, attempt]);

  return { data, isLoading, problem, retry: () => setAttempt(attempt + 1) };
}
