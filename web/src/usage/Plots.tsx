import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { useSelector } from "../app/store.ts";
import { modelLabel, shortNumber } from "../format/numbers.ts";
import type { ModelChoice } from "../transport/protocol.ts";
import { Budgets } from "./Budgets.tsx";
import { money, moneyTicks, percent, seconds } from "./number-formats.ts";
import { Plot } from "./Plot.tsx";
import type { Report, UsageTotals } from "./report.ts";
import {
  cacheSeries,
  callsByModel,
  failedCalls,
  firstTokenSeries,
  savingsSeries,
  seriesByModel,
  tokensByKind,
} from "./series.ts";
import { Shares } from "./Shares.tsx";
import { Totals } from "./Totals.tsx";
import type { UsageData } from "./use-usage.ts";

const NO_MODELS: readonly ModelChoice[] = [];

export function Plots({ days, models, replies, outcomes, routing, budgets }: UsageData): JSX.Element {
  const { groups, total } = models;
  const choices = useSelector((state) => state.info?.models) ?? NO_MODELS;
  const label = useMemo(() => (model: string) => modelLabel(model, choices), [choices]);
  const topModel = label(models.top_model);
  const series = useMemo(() => seriesOf(days, models, replies, label), [days, models, replies, label]);
  return (
    <>
      <Totals total={total} replies={replies.total} routing={routing} />
      <div class="plots">
        <Plot
          title="Cost per day by model"
          days={days}
          series={series.cost}
          as="layers"
          format={money}
          ticks={moneyTicks}
        />
        <Plot
          title="Saved by routing and caching"
          note={savingsNote(total, topModel)}
          days={days}
          series={series.savings}
          as="lines"
          format={money}
          ticks={moneyTicks}
        />
        <Plot title="Tokens by kind" days={days} series={series.tokens} as="layers" format={shortNumber} />
        <Plot
          title="Prompt read from the cache"
          days={days}
          series={series.cache}
          as="lines"
          format={percent}
          max={100}
        />
        <Plot
          title="Time to first token"
          days={days}
          series={series.firstToken}
          as="lines"
          format={seconds}
        />
        <Shares title="Calls by model" shares={callsByModel(groups, label)} empty="No calls." />
        <Shares
          title="Failed calls"
          note="Most are retried automatically. Cancelled calls are included."
          shares={failedCalls(outcomes.groups)}
          empty="No failed calls."
        />
        <Budgets budgets={budgets} />
      </div>
    </>
  );
}

function seriesOf(
  days: readonly string[],
  { groups, total, top_model }: Report,
  replies: Report,
  label: (model: string) => string,
) {
  return {
    cost: seriesByModel(groups, days, label, ({ cost_usd }) => Number(cost_usd ?? 0)),
    tokens: tokensByKind(groups, days),
    cache: [cacheSeries(groups, days)],
    firstToken: firstTokenSeries(replies.groups, days),
    savings: total.saved_usd === null ? [] : savingsSeries(groups, days, label(top_model)),
  };
}

function savingsNote(total: UsageTotals, topModel: string): string {
  return total.saved_usd === null
    ? `The cost on ${topModel} is unknown.`
    : `The tokens of each call, priced for ${topModel} without a cache.`;
}
