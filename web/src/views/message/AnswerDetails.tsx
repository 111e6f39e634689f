import type { JSX } from "preact";
import { cachedShare, dollars, shortNumber } from "../../format/numbers.ts";
import { fullDate } from "../../format/times.ts";
import type { Route } from "../../state/state.ts";
import type { Message, Plan, Usage } from "../../transport/protocol.ts";
import { Fact } from "../elements/Fact.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { useTurnContext } from "../hooks/turn-context.ts";

interface DetailsProps {
  readonly message: Message;
  readonly route: Route | null;
}

/** Model, route, usage and cost of one answer, and a button that opens its context report. */
export function AnswerDetails({ message, route }: DetailsProps): JSX.Element {
  const { store } = useActions();
  const turnId = message.turn_id;
  const loaded = useTurnContext(turnId);
  const plan = loaded?.context?.plan ?? null;
  const chosen = route ?? routeOf(plan);
  return (
    <section class="details" aria-label="About this answer">
      <dl>
        <Fact name="Model">{message.model}</Fact>
        <Fact name="Tier">{chosen?.tier}</Fact>
        <Fact name="Chosen because">{chosen?.reason}</Fact>
        <Fact name="Tokens">{message.usage && usageText(message.usage)}</Fact>
        <Fact name="Cost">{dollars(message.cost_usd)}</Fact>
        <Fact name="Answered">{fullDate(message.created_at)}</Fact>
        <Fact name="Turn">{turnId}</Fact>
      </dl>
      {turnId !== null && loaded === null && <Skeleton lines={1} label="Loading the context" />}
      {loaded?.problem != null && <p class="hint">The context could not be loaded. {loaded.problem}</p>}
      {turnId !== null && plan !== null && (
        <button
          type="button"
          class="text-button"
          onClick={() => store.dispatch({ type: "panel.changed", panel: { type: "context", turnId } })}
        >
          Context
        </button>
      )}
    </section>
  );
}

function usageText(usage: Usage): string {
  const share = cachedShare(usage);
  const input = `${shortNumber(usage.input_tokens)} input${share === null ? "" : ` (${share}% from the cache)`}`;
  const reasoning = usage.reasoning_tokens ? ` (${shortNumber(usage.reasoning_tokens)} for reasoning)` : "";
  return `${input}, ${shortNumber(usage.output_tokens)} output${reasoning}`;
}

function routeOf(plan: Plan | null): Route | null {
  if (plan?.route === undefined) return null;
  const { model, tier } = plan.route;
  return { model: model ?? null, tier: tier ?? null, reason: plan.reasons?.["route"] ?? null };
}
