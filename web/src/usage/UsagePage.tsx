// The page at /usage: what was used and paid, and what it would have cost. A chunk of its own, fetched when it is opened.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiError } from "../transport/api.ts";
import { dollars, nameOf, short } from "../format/numbers.ts";
import icon from "../images/icon.svg";
import type { ModelChoice } from "../transport/protocol.ts";
import { useSelect } from "../app/store.ts";
import { useDeeds } from "../views/hooks/actions-context.ts";
import { Skeleton } from "../views/elements/Skeleton.tsx";
import { Budgets } from "./Budgets.tsx";
import { Downloads } from "./Downloads.tsx";
import { Plot } from "./Plot.tsx";
import {
  type Budget,
  byKind,
  byModel,
  cacheShare,
  daysUntil,
  errors,
  firstToken,
  modelMix,
  moneyTicks,
  promptOf,
  type Report,
  savings,
  type Sums,
  today,
} from "./series.ts";
import { Shares } from "./Shares.tsx";
import "./usage.css";

const RANGES = [7, 30, 90] as const;
type Scope = "own" | "all";

const NONE: readonly ModelChoice[] = [];

interface Found {
  readonly days: readonly string[];
  readonly models: Report;
  readonly replies: Report;
  readonly outcomes: Report;
  readonly budgets: readonly Budget[];
}

const money = (value: number) => dollars(String(value)) ?? "";
const seconds = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
const percent = (value: number) => `${Math.round(value)}%`;

export function UsagePage(): JSX.Element {
  const { api } = useDeeds();
  const [range, setRange] = useState<number>(30);
  const [scope, setScope] = useState<Scope>("own");
  // The last figures stay where they are while others are fetched, and when those do not come.
  const [found, setFound] = useState<Found | null>(null);
  const [loading, setLoading] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const days = useMemo(() => daysUntil(today(new Date(), zone), range), [range, zone]);
  const asked = useMemo(
    () => ({ from: days[0] ?? "", to: days.at(-1) ?? "", time_zone: zone, scope }),
    [days, zone, scope],
  );

  useEffect(() => {
    document.title = "Usage · Palaver";
  }, []);

  useEffect(() => {
    let current = true;
    setLoading(true);
    setProblem(null);
    Promise.all([
      api.usage<Report>({ ...asked, group_by: "day,model", limit: 5000 }),
      api.usage<Report>({ ...asked, group_by: "day", purpose: "reply" }),
      api.usage<Report>({ ...asked, group_by: "outcome" }),
      api.budgets<{ budgets: Budget[] }>(),
    ]).then(
      ([models, replies, outcomes, { budgets }]) => {
        if (!current) return;
        setFound({ days, models, replies, outcomes, budgets });
        setLoading(false);
      },
      (failure: unknown) => {
        if (!current) return;
        // Figures of another time or of somebody else would be taken for those that were asked for.
        setFound(null);
        setProblem(failure instanceof ApiError ? failure.message : "The figures cannot be shown.");
        setLoading(false);
      },
    );
    return () => {
      current = false;
    };
  }, [api, asked, days, attempt]);

  return (
    <div class="usage">
      <header class="usage-head">
        <a class="brand" href="/">
          <img src={icon} alt="" width="24" height="24" />
          <span>Palaver</span>
        </a>
        <h1>Usage</h1>
        <fieldset class="ranges">
          <legend class="visually-hidden">Time</legend>
          {RANGES.map((each) => (
            <label key={each} class={each === range ? "chosen" : ""}>
              <input
                type="radio"
                name="range"
                class="visually-hidden"
                checked={each === range}
                onChange={() => setRange(each)}
              />
              {each} days
            </label>
          ))}
        </fieldset>
        <label class="whose">
          <span class="visually-hidden">Whose calls</span>
          <select
            value={scope}
            onChange={({ currentTarget }) => setScope(currentTarget.value === "all" ? "all" : "own")}
          >
            <option value="own">Mine</option>
            <option value="all">Everybody’s</option>
          </select>
        </label>
      </header>
      <main aria-busy={loading} class={loading && found !== null ? "stale" : ""}>
        {loading && found === null && <Skeleton lines={8} label="Adding up" />}
        {problem !== null && (
          <div class="page-problem" role="alert">
            <h2>The figures could not be loaded</h2>
            <p>{problem}</p>
            <button type="button" class="button" onClick={() => setAttempt(attempt + 1)}>
              Try again
            </button>
          </div>
        )}
        {found !== null && found.models.total.calls === 0 && (
          <>
            <div class="page-problem">
              <h2>Nothing was used in these {found.days.length} days</h2>
              <p>Every answer, title and summary leaves its figures here.</p>
              <a class="text-button" href="/">
                Start a conversation
              </a>
            </div>
            <Budgets budgets={found.budgets} />
          </>
        )}
        {found !== null && found.models.total.calls > 0 && <Figures {...found} />}
      </main>
      <footer class="usage-foot">
        <span>Days as they are in {zone.replace(/_/g, " ")}.</span>
        <Downloads asked={asked} />
      </footer>
    </div>
  );
}

function Figures({ days, models, replies, outcomes, budgets }: Found): JSX.Element {
  const { groups, total } = models;
  const known = useSelect((state) => state.info?.models) ?? NONE;
  const name = useMemo(() => (model: string) => nameOf(model, known), [known]);
  const top = name(models.top_model);
  const drawn = useMemo(
    () => ({
      cost: byModel(groups, days, name, (sums) => Number(sums.cost_usd ?? 0)),
      tokens: byKind(groups, days),
      share: [cacheShare(groups, days)],
      quick: firstToken(replies.groups, days),
      saved: total.saved_usd === null ? [] : savings(groups, days, top),
    }),
    [groups, days, replies, total, top, name],
  );
  return (
    <>
      <Totals total={total} replies={replies.total} />
      <div class="plots">
        <Plot
          title="Cost per day by model"
          days={days}
          series={drawn.cost}
          as="layers"
          format={money}
          ticks={moneyTicks}
        />
        <Plot
          title="Saved by routing and caching"
          note={savedNote(total, top)}
          days={days}
          series={drawn.saved}
          as="lines"
          format={money}
          ticks={moneyTicks}
        />
        <Plot title="Tokens by kind" days={days} series={drawn.tokens} as="layers" format={short} />
        <Plot
          title="Prompt read from the cache"
          days={days}
          series={drawn.share}
          as="lines"
          format={percent}
          most={100}
        />
        <Plot title="Time to the first words" days={days} series={drawn.quick} as="lines" format={seconds} />
        <Shares title="Which models answered" shares={modelMix(groups, name)} nothing="Nobody was asked." />
        <Shares
          title="Calls that did not go well"
          note="Most are repeated and never seen; cancelled ones were stopped by somebody."
          shares={errors(outcomes.groups)}
          nothing="All calls went well."
        />
        <Budgets budgets={budgets} />
      </div>
    </>
  );
}

function Totals({ total, replies }: { readonly total: Sums; readonly replies: Sums }): JSX.Element {
  const prompt = promptOf(total);
  const cards: readonly (readonly [string, string, string?])[] = [
    [
      "Cost",
      dollars(total.cost_usd) ?? "unpriced",
      total.unpriced > 0 ? `and ${total.unpriced.toLocaleString()} calls without a price` : "",
    ],
    ["Saved", dollars(total.saved_usd) ?? "–"],
    ["Calls", total.calls.toLocaleString(), `${total.failed.toLocaleString()} failed`],
    ["Tokens", short(prompt + total.tokens.output), `${short(total.tokens.output)} of them written`],
    ["From the cache", prompt === 0 ? "–" : percent((100 * total.tokens.cache_read) / prompt)],
    [
      "First words",
      replies.first_token_ms === null ? "–" : seconds(replies.first_token_ms.p50 / 1000),
      replies.first_token_ms === null ? "" : `95% within ${seconds(replies.first_token_ms.p95 / 1000)}`,
    ],
  ];
  return (
    <dl class="totals">
      {cards.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {more !== undefined && more !== "" && <dd class="more">{more}</dd>}
        </div>
      ))}
    </dl>
  );
}

function savedNote(total: Sums, topModel: string): string {
  return total.saved_usd === null
    ? `What ${topModel} would have cost is not known.`
    : `Each call priced again on ${topModel} with nothing cached, from its own tokens.`;
}
