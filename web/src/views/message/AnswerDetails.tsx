import type { ComponentChildren, JSX } from "preact";
import { cachedShare, dollars, short } from "../../format/numbers.ts";
import type { Message, Plan, Usage } from "../../transport/protocol.ts";
import type { Route } from "../../state/state.ts";
import { clock } from "../../format/times.ts";
import { useTurnContext } from "../hooks/turn-context.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { Skeleton } from "../elements/Skeleton.tsx";

/** Why this model and what it cost: what the stored turn knows about one answer, and the way to all it was told. */
export function Details({
  message,
  route,
}: {
  readonly message: Message;
  readonly route: Route | null;
}): JSX.Element {
  const { store } = useDeeds();
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
        {message.usage && <Tokens usage={message.usage} />}
        <Fact name="Cost">{dollars(message.cost_usd)}</Fact>
        <Fact name="Answered">{clock(message.created_at)}</Fact>
        <Fact name="Turn">{turnId}</Fact>
      </dl>
      {turnId !== null && loaded === null && <Skeleton lines={1} label="Loading the context" />}
      {loaded?.problem != null && <p class="hint">The context cannot be shown. {loaded.problem}</p>}
      {turnId !== null && plan !== null && (
        <button
          type="button"
          class="text-button"
          onClick={() => store.dispatch({ type: "panel.changed", panel: { type: "told", turnId } })}
        >
          What the model was told
        </button>
      )}
    </section>
  );
}

export function Fact({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}): JSX.Element | null {
  if (children === null || children === undefined || children === "") return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Tokens({ usage }: { readonly usage: Usage }): JSX.Element {
  const share = cachedShare(usage);
  const read = `${short(usage.input_tokens)} read${share === null ? "" : `, ${share}% of them from the cache`}`;
  const thinking = usage.reasoning_tokens ? `, ${short(usage.reasoning_tokens)} of them thinking` : "";
  return <Fact name="Tokens">{`${read}; ${short(usage.output_tokens)} written${thinking}`}</Fact>;
}

function routeOf(plan: Plan | null): Route | null {
  if (plan?.route === undefined) return null;
  const { model, tier } = plan.route;
  return { model: model ?? null, tier: tier ?? null, reason: plan.reasons?.["route"] ?? null };
}
