// The page at /usage: what was used, what it cost, and what it would have cost.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import icon from "../images/icon.svg";
import { Skeleton } from "../views/elements/Skeleton.tsx";
import { useActions } from "../views/hooks/actions-context.ts";
import { Budgets } from "./Budgets.tsx";
import { Downloads } from "./Downloads.tsx";
import { Plots } from "./Plots.tsx";
import { daysUntil, today } from "./series.ts";
import "./usage.css";
import { useUsage } from "./use-usage.ts";

const RANGES = [7, 30, 90] as const;
type Scope = "own" | "all";

export function UsagePage(): JSX.Element {
  const { urls } = useActions();
  const [range, setRange] = useState<number>(30);
  const [scope, setScope] = useState<Scope>("own");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const days = useMemo(() => daysUntil(today(new Date(), zone), range), [range, zone]);
  const query = useMemo(
    () => ({ from: days[0] ?? "", to: days.at(-1) ?? "", time_zone: zone, scope }),
    [days, zone, scope],
  );
  const { data, isLoading, problem, retry } = useUsage(query, days);

  useEffect(() => {
    document.title = "Usage · Palaver";
  }, []);

  return (
    <div class="usage">
      <Header range={range} onRange={setRange} scope={scope} onScope={setScope} />
      <main aria-busy={isLoading} class={isLoading && data !== null ? "stale" : ""}>
        {isLoading && data === null && <Skeleton lines={8} label="Loading usage" />}
        {problem !== null && (
          <div class="page-problem" role="alert">
            <h2>The usage data could not be loaded</h2>
            <p>{problem}</p>
            <button type="button" class="button" onClick={retry}>
              Try again
            </button>
          </div>
        )}
        {data !== null && data.models.total.calls === 0 && (
          <>
            <div class="page-problem">
              <h2>No usage in these {data.days.length} days</h2>
              <p>The usage of every answer, title and summary is shown here.</p>
              <a class="text-button" href={urls.home}>
                Start a conversation
              </a>
            </div>
            <Budgets budgets={data.budgets} />
          </>
        )}
        {data !== null && data.models.total.calls > 0 && <Plots {...data} />}
      </main>
      <footer class="usage-foot">
        <span>Time zone: {zone.replace(/_/g, " ")}.</span>
        <Downloads query={query} />
      </footer>
    </div>
  );
}

interface HeaderProps {
  readonly range: number;
  readonly onRange: (range: number) => void;
  readonly scope: Scope;
  readonly onScope: (scope: Scope) => void;
}

function Header({ range, onRange, scope, onScope }: HeaderProps): JSX.Element {
  const { urls } = useActions();
  return (
    <header class="usage-head">
      <a class="brand" href={urls.home}>
        <img src={icon} alt="" width="24" height="24" />
        <span>Palaver</span>
      </a>
      <h1>Usage</h1>
      <fieldset class="ranges">
        <legend class="visually-hidden">Period</legend>
        {RANGES.map((days) => (
          <label key={days} class={days === range ? "chosen" : ""}>
            <input
              type="radio"
              name="range"
              class="visually-hidden"
              checked={days === range}
              onChange={() => onRange(days)}
            />
            {days} days
          </label>
        ))}
      </fieldset>
      <label class="scope-choice">
        <span class="visually-hidden">Whose calls</span>
        <select
          value={scope}
          onChange={({ currentTarget }) => onScope(currentTarget.value === "all" ? "all" : "own")}
        >
          <option value="own">Mine</option>
          <option value="all">Everybody’s</option>
        </select>
      </label>
    </header>
  );
}
