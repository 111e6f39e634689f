import type { JSX } from "preact";
import { dollars, shortNumber } from "../format/numbers.ts";
import type { Budget } from "./report.ts";
import { budgetFill } from "./series.ts";

const SCOPES: Readonly<Record<string, string>> = {
  deployment: "This server",
  user: "You",
  tier: "Tier",
  token: "Token",
  thread: "Each conversation",
  model: "Model",
};

const UNITS: Readonly<Record<string, string>> = { tokens: " tokens", requests: " requests" };

/** From this share on, a budget is shown as nearly used up. */
const NEAR_LIMIT = 0.8;

/** How much of each budget is used, as a table with bars. */
export function Budgets({ budgets }: { readonly budgets: readonly Budget[] }): JSX.Element | null {
  if (budgets.length === 0) return null;
  return (
    <section class="plot">
      <h2>Budgets</h2>
      <table class="shares">
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Scope</th>
            <th scope="col">Used share</th>
            <th scope="col">Used</th>
          </tr>
        </thead>
        <tbody>
          {budgets.map((budget) => {
            const fill = budgetFill(budget);
            return (
              <tr key={`${budget.scope} ${budget.name} ${budget.unit} ${budget.period}`}>
                <th scope="row">
                  {SCOPES[budget.scope] ?? budget.scope}
                  {["tier", "token", "model"].includes(budget.scope) && ` ${budget.name ?? ""}`}, per{" "}
                  {budget.period}
                </th>
                <td class={fill !== null && fill >= NEAR_LIMIT ? "bar near-limit" : "bar"}>
                  {fill !== null && <span style={{ width: `${100 * fill}%` }} />}
                  <span class="visually-hidden">{fill === null ? "" : `${Math.round(100 * fill)}%`}</span>
                </td>
                <td>
                  {fill === null
                    ? "shared with others"
                    : `${amount(budget.used, budget.unit)} of ${amount(budget.limit, budget.unit)}${UNITS[budget.unit] ?? ""}`}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function amount(value: string | null, unit: string): string {
  return unit === "usd" ? (dollars(value) ?? "") : shortNumber(Number(value ?? 0));
}
