import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { reasonOf } from "../actions/world.ts";
import { cachedShare, dollars, short } from "../figures.ts";
import type { Message, Usage } from "../protocol.ts";
import type { Route } from "../state/state.ts";
import { clock } from "../times.ts";
import { useDeeds } from "./deeds.ts";
import { Skeleton } from "./Skeleton.tsx";

type Plan = Readonly<Record<string, unknown>>;

/** Why this model, what it was told, what it cost: what the stored turn knows about one answer. */
export function Details({
  message,
  route,
}: {
  readonly message: Message;
  readonly route: Route | null;
}): JSX.Element {
  const { api } = useDeeds();
  const [plan, setPlan] = useState<Plan | string | null>(null);
  const turnId = message.turn_id;

  useEffect(() => {
    if (turnId === null) return;
    let wanted = true;
    api.context(turnId).then(
      (loaded) => wanted && setPlan(planIn(loaded)),
      (error: unknown) => wanted && setPlan(reasonOf(error)),
    );
    return () => {
      wanted = false;
    };
  }, [api, turnId]);

  const known = typeof plan === "object" ? plan : null;
  const chosen = route ?? routeOf(known);
  return (
    <section class="details" aria-label="About this answer">
      <dl>
        <Row name="Model" value={message.model} />
        <Row name="Tier" value={chosen?.tier ?? null} />
        <Row name="Chosen because" value={chosen?.reason ?? null} />
        {message.usage && <Tokens usage={message.usage} />}
        <Row name="Cost" value={dollars(message.cost_usd)} />
        <Row name="Answered" value={clock(message.created_at)} />
        <Row name="Turn" value={turnId} />
      </dl>
      {turnId !== null && plan === null && <Skeleton lines={2} label="Loading the context" />}
      {typeof plan === "string" && <p class="hint">The context cannot be shown. {plan}</p>}
      {known && <Told plan={known} />}
    </section>
  );
}

function Row({ name, value }: { readonly name: string; readonly value: string | null }): JSX.Element | null {
  if (value === null || value === "") return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Tokens({ usage }: { readonly usage: Usage }): JSX.Element {
  const share = cachedShare(usage);
  const read = `${short(usage.input_tokens)} read${share === null ? "" : `, ${share}% of them from the cache`}`;
  const thinking = usage.reasoning_tokens ? `, ${short(usage.reasoning_tokens)} of them thinking` : "";
  return <Row name="Tokens" value={`${read}; ${short(usage.output_tokens)} written${thinking}`} />;
}

/** The plan stands inside an envelope that names the turn. */
function planIn(answer: Plan): Plan {
  const inner = answer["plan"];
  return isPlan(inner) ? inner : answer;
}

function isPlan(value: unknown): value is Plan {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What the model was told. The server decides what there is to say; plain values become rows, the rest is kept whole. */
function Told({ plan }: { readonly plan: Plan }): JSX.Element {
  const { reasons, ...facts } = plan;
  const rows = Object.entries(facts).flatMap(([name, value]) => row(sentence(name), value));
  const why = isPlan(reasons) ? Object.entries(reasons) : [["reasons", reasons] as const];
  rows.push(...why.flatMap(([name, value]) => row(`Reason for ${name.replace(/_/g, " ")}`, value)));
  return (
    <details class="told">
      <summary>What the model was told</summary>
      <dl>
        {rows.map(([name, text]) => (
          <Row key={name} name={name} value={text} />
        ))}
      </dl>
      <pre tabindex={0}>{JSON.stringify(plan, null, 2)}</pre>
    </details>
  );
}

function row(name: string, value: unknown): (readonly [string, string])[] {
  const text = plain(value);
  return text === null ? [] : [[name, text]];
}

function plain(value: unknown): string | null {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every((item) => typeof item === "string")) return value.join("; ");
    return value.length > 0 ? `${value.length}` : null;
  }
  return null;
}

function sentence(name: string): string {
  const words = name.replace(/_/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function routeOf(plan: Plan | null): Route | null {
  const route = plan?.["route"];
  if (typeof route !== "object" || route === null) return null;
  const { model, tier, reason } = route as Partial<Record<keyof Route, unknown>>;
  const reasons = plan?.["reasons"];
  const told = isPlan(reasons) ? reasons["route"] : null;
  return { model: plain(model), tier: plain(tier), reason: plain(reason) ?? plain(told) };
}
