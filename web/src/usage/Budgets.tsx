import type { JSX } from "preact";
import { dollars, short } from "../format/numbers.ts";
import { type Budget, fullness } from "./series.ts";

const SCOPES: Readonly<Record<string, string>> = {
  deployment: "This server",
  user: "You",
  tier: "Tier",
  token: "Token",
  thread: "Each conversation",
  model: "Model",
};

const UNITS: Readonly<Record<string, string>> = { tokens: " tokens", requests: " requests" };

/** What budgets leave to spend, as bars that are a table. */
export function Budgets({ budgets }: { readonly budgets: readonly Budget[] }): JSX.Element | null {
  if (budgets.length === 0) return null;
  return (
    <section class="plot">
      <h2>Budgets</h2>
      <table class="shares">
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Whose</th>
            <th scope="col">How full</th>
            <th scope="col">Used</th>
          </tr>
        </thead>
        <tbody>
          {budgets.map((budget) => {
            const full = fullness(budget);
            return (
              <tr key={`${budget.scope} ${budget.name} ${budget.unit} ${budget.period}`}>
                <th scope="row">
                  {SCOPES[budget.scope] ?? budget.scope}
                  {["tier", "token", "model"].includes(budget.scope) && ` ${budget.name ?? ""}`}, per{" "}
                  {budget.period}
                </th>
                <td class={full !== null && full >= 0.8 ? "bar near" : "bar"}>
                  {full !== null && <span style={{ width: `${100 * full}%` }} />}
                  <span class="visually-hidden">{full === null ? "" : `${Math.round(100 * full)}%`}</span>
                </td>
                <td>
                  {full === null
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
  return unit === "usd" ? (dollars(value) ?? "") : short(Number(value ?? 0));
}
