import type { JSX } from "preact";
import { picoToDollars, usageRows } from "../../format/context-report.ts";
import { exactDollars } from "../../format/numbers.ts";
import type { Call, Plan } from "../../transport/protocol.ts";
import { PanelPart } from "./PanelPart.tsx";

interface TableProps {
  readonly plan: Plan;
  readonly reply: Call | null;
}

const count = (tokens: number | null) => (tokens === null ? "–" : tokens.toLocaleString("en"));

/** Estimated and actual tokens by kind, and the cost of both. */
export function CostTable({ plan, reply }: TableProps): JSX.Element | null {
  const estimated = reply?.estimated_usage ?? plan.estimated_usage ?? null;
  if (estimated === null && reply === null) return null;
  const reasoning = reply?.actual_usage.reasoning ?? 0;
  return (
    <PanelPart title="Cost">
      <table class="number-table">
        <thead>
          <tr>
            <th scope="col">Tokens</th>
            <th scope="col">Estimated</th>
            <th scope="col">Actual</th>
          </tr>
        </thead>
        <tbody>
          {usageRows(estimated, reply?.actual_usage ?? null).map(({ name, ...row }) => (
            <tr key={name} class={row.estimated || row.actual ? "" : "zero"}>
              <th scope="row">{name}</th>
              <td>{count(row.estimated)}</td>
              <td>{count(row.actual)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Cost</th>
            <td>{exactDollars(picoToDollars(plan.cost_pico_usd)) ?? "–"}</td>
            <td>{exactDollars(reply?.cost_usd ?? null) ?? "–"}</td>
          </tr>
        </tfoot>
      </table>
      {reasoning > 0 && <p class="hint">{count(reasoning)} tokens of the output were reasoning.</p>}
    </PanelPart>
  );
}
