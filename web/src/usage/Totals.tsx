import type { JSX } from "preact";
import { dollars, shortNumber } from "../format/numbers.ts";
import { promptTokens } from "../format/usage-kinds.ts";
import { percent, seconds } from "./number-formats.ts";
import type { RoutingReport, UsageTotals } from "./report.ts";
import { routingSavings } from "./routing-savings.ts";

interface TotalsProps {
  readonly total: UsageTotals;
  readonly replies: UsageTotals;
  readonly routing: RoutingReport;
}

/** The totals of the period as cards. */
export function Totals({ total, replies, routing }: TotalsProps): JSX.Element {
  const prompt = promptTokens(total.tokens);
  const firstToken = replies.first_token_ms;
  const cards: readonly (readonly [name: string, value: string, note?: string])[] = [
    [
      "Cost",
      dollars(total.cost_usd) ?? "unpriced",
      total.unpriced > 0 ? `and ${total.unpriced.toLocaleString()} calls without a price` : "",
    ],
    ["Saved", dollars(total.saved_usd) ?? "–", "against the top model without a cache"],
    routingSavings(routing),
    ["Calls", total.calls.toLocaleString(), `${total.failed.toLocaleString()} failed`],
    ["Tokens", shortNumber(prompt + total.tokens.output), `${shortNumber(total.tokens.output)} output`],
    ["From the cache", prompt === 0 ? "–" : percent((100 * total.tokens.cache_read) / prompt)],
    [
      "First token, median",
      firstToken === null ? "–" : seconds(firstToken.p50 / 1000),
      firstToken === null ? "" : `95th percentile ${seconds(firstToken.p95 / 1000)}`,
    ],
  ];
  return (
    <dl class="totals">
      {cards.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {note !== undefined && note !== "" && <dd class="note">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
