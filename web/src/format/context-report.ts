// The context report of one turn: estimated and actual usage, cache misses, other calls, reasons, and what was left out. Pure.

import type {
  Call,
  LeftOut,
  Plan,
  ShortenedReply,
  TurnContext,
  UsageByKind,
  UsageKind,
} from "../transport/protocol.ts";
import { capitalize, outcomeLabel } from "./call-outcomes.ts";
import { dollars } from "./numbers.ts";
import { SECTIONS } from "./prompt-slices.ts";
import { KIND_LABELS } from "./usage-kinds.ts";

/** The call that produced the answer: the last of those made for it. */
export function replyCall({ calls }: TurnContext): Call | null {
  return calls.findLast(({ purpose }) => purpose === "reply") ?? null;
}

export interface UsageRow {
  readonly name: string;
  readonly estimated: number | null;
  readonly actual: number | null;
}

const KINDS: readonly UsageKind[] = ["cache_read", "cache_write_5m", "cache_write_1h", "input", "output"];

export function usageRows(estimated: UsageByKind | null, actual: UsageByKind | null): readonly UsageRow[] {
  return KINDS.map((kind) => ({
    name: capitalize(KIND_LABELS[kind]),
    estimated: estimated?.[kind] ?? null,
    actual: actual?.[kind] ?? null,
  }));
}

/** Picodollars as an amount in dollars. */
export function picoToDollars(pico: number | null | undefined): string | null {
  return typeof pico === "number" ? String(pico / 1e12) : null;
}

const CAUSES: Readonly<Record<string, string>> = {
  expired: "The cache entry had expired",
  changed: "The cached text had changed",
  model_or_settings: "The model or its settings had changed",
  lookback: "The cache entry was too far back",
  unknown: "The cause is unknown",
};

/** Why less was read from the cache than estimated: how much, the cause, and its detail. */
export function cacheMissText({ cache_miss, estimated_usage, actual_usage }: Call): string | null {
  if (cache_miss === null || cache_miss === "") return null;
  const [, name = "", detail = ""] = /^([a-z_]+): (.*)$/s.exec(cache_miss) ?? ["", "", cache_miss];
  const missing = (estimated_usage?.cache_read ?? 0) - actual_usage.cache_read;
  const size =
    missing > 0
      ? `${missing.toLocaleString("en")} tokens were not read from the cache as estimated`
      : "less was read from the cache than estimated";
  const cause = CAUSES[name];
  return cause === undefined
    ? `Cache miss: ${size}: ${detail}.`
    : `Cache miss: ${size}. ${cause}: ${detail}.`;
}

/** The calls of the turn besides the one that produced the answer. */
export function otherCalls({ calls }: TurnContext): readonly (Call & { readonly name: string })[] {
  const answer = calls.findLastIndex(({ purpose }) => purpose === "reply");
  return calls.flatMap((call, index) => (index === answer ? [] : [{ ...call, name: purposeLabel(call) }]));
}

function purposeLabel({ purpose, outcome }: Call): string {
  if (purpose === "reply") return `Failed attempt: ${outcomeLabel(outcome)}`;
  if (purpose === "title") return "Title";
  if (purpose === "summary") return "Compaction";
  if (purpose === "keepalive") return "Cache keep-alive";
  return label(purpose);
}

const REASONS: Readonly<Record<string, string>> = {
  route: "Model",
  window: "Messages",
  summary: "Summary",
  cache: "Cache",
  system: "System prompt",
  breakpoints: "Cache breakpoints",
  compaction: "Compaction",
};

/** The reason of each decision. Those of recall and of short replies stand with what was recalled and shortened. */
export function reasonRows({
  reasons = {},
  recall,
  shortened,
}: Plan): readonly (readonly [string, string])[] {
  return Object.entries(reasons).flatMap(([name, text]) =>
    typeof text === "string" &&
    text !== "" &&
    !(name === "recall" && recall !== undefined) &&
    !(name === "shortened" && shortened !== undefined)
      ? [[REASONS[name] ?? label(name), capitalize(text)] as const]
      : [],
  );
}

/** The models that were considered, each with its estimated cost or the reason why it was not available. */
export function candidateRows({ route }: Plan): readonly { readonly name: string; readonly note: string }[] {
  return (route?.candidates ?? []).map((candidate) => ({
    name: candidate.label === "" ? candidate.model : candidate.label,
    note: candidate.admissible
      ? (dollars(picoToDollars(candidate.price_pico_usd)) ?? "price unknown")
      : candidate.why,
  }));
}

/** The signals for and against a better model, strongest first. */
export function signalLabels({ route }: Plan): readonly string[] {
  return (route?.complexity?.signals ?? []).map(([name, , weight]) => `${name} (${weight})`);
}

/** How much of a long reply was sent. */
export function shortenedText({ tokens, saved }: ShortenedReply): string {
  const count = (size: number) => size.toLocaleString("en");
  return `the first ${count(tokens)} of about ${count(tokens + saved)} tokens`;
}

/** Why replies were shortened, as a sentence of its own; null where it is not stored. */
export function shortenedReason({ reasons }: Plan): string | null {
  const { shortened = "" } = reasons ?? {};
  return shortened === "" ? null : `${capitalize(shortened)}.`;
}

export function leftOutText({ what, messages, tokens }: LeftOut): string {
  const size = tokens > 0 ? ` (about ${tokens.toLocaleString("en")} tokens)` : "";
  if (what === "window") {
    const count = messages === 1 ? "1 message" : messages > 0 ? `${messages} messages` : "Older messages";
    return `${count}${size}`;
  }
  if (what === "summary") return `The summary${size}`;
  if (what.startsWith("recall ")) return `A recalled message${size}`;
  return `${label(what)}${size}`;
}

/** Splits a text so that each message id is a piece of its own. */
export function splitMessageIds(
  text: string,
  isMessage: (id: string) => boolean,
): readonly { readonly text: string; readonly isId: boolean }[] {
  return text
    .split(/([A-Za-z0-9._:~-]{8,})/)
    .map((piece, index) => ({
      text: piece,
      isId: index % 2 === 1 && (piece.startsWith("msg_") || isMessage(piece)),
    }))
    .filter((piece) => piece.text !== "");
}

export interface WindowFill {
  /** Tokens of messages sent verbatim. */
  readonly verbatim: number;
  /** Tokens of the whole prompt. */
  readonly total: number;
  /** The largest window. */
  readonly limit: number;
  /** From 0 to 1. */
  readonly share: number;
}

/** How full the window was; null when that is not known. */
export function windowFill(plan: Plan | null, limit: number | undefined): WindowFill | null {
  const estimate = plan?.estimate;
  if (estimate === undefined || limit === undefined || limit <= 0) return null;
  const verbatim = (estimate.window ?? 0) + (estimate.new ?? 0);
  const total = estimate.total ?? SECTIONS.reduce((tokens, section) => tokens + (estimate[section] ?? 0), 0);
  return { verbatim, total, limit, share: Math.min(1, verbatim / limit) };
}

function label(name: string): string {
  return capitalize(name.replace(/_/g, " "));
}
