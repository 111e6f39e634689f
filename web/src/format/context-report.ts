// What the model was told in one turn, in figures: which part of the prompt is how large, how much of it came from the
// cache, where the marks stand, and how the bill compares with what was foreseen. Pure.

import { dollars } from "./numbers.ts";
import { capital, outcomeWords } from "./call-outcomes.ts";
import type { Call, Kinds, LeftOut, Message, Plan, Section, TurnContext } from "../transport/protocol.ts";

/** In the order of the request, which is also the order in which a cached prefix covers it. */
const ORDER: readonly Section[] = ["tools", "system", "summary", "window", "new", "recall"];

const NAMES: Readonly<Record<Section, string>> = {
  tools: "Tools",
  system: "System prompt",
  summary: "Summary",
  window: "Earlier messages",
  new: "New message",
  recall: "Recalled",
};

/** How the tokens of a part were paid for: read from the cache, written to it, or neither. */
export type Source = "read" | "written" | "fresh";

export interface Slice {
  readonly section: Section;
  readonly name: string;
  /** Estimated; so are the shares of it below, which add up to it. */
  readonly tokens: number;
  readonly from: Readonly<Record<Source, number>>;
  readonly marks: readonly Mark[];
}

export interface Mark {
  /** From 0, the start of the slice, to 1, its end. */
  readonly at: number;
  readonly ttl: string;
}

/** The call that brought the answer: the last one that was made for it. */
export function replyOf({ calls }: TurnContext): Call | null {
  return calls.findLast(({ purpose }) => purpose === "reply") ?? null;
}

/** The parts of the prompt. `messages` are those of the thread that are loaded; they place the marks within the window. */
export function slicesOf(plan: Plan, kinds: Kinds | null, messages: readonly Message[]): readonly Slice[] {
  const { estimate = {} } = plan;
  const marks = marksOf(plan, messages);
  const { read, written } = coveredOf(estimate, kinds, marks);
  let start = 0;
  return ORDER.flatMap((section) => {
    const tokens = estimate[section] ?? 0;
    if (tokens <= 0) return [];
    const end = start + tokens;
    const upTo = (edge: number) => Math.round(Math.min(end, Math.max(start, edge)) - start);
    const [one, two] = [upTo(read), upTo(read + written)];
    start = end;
    return [
      {
        section,
        name: NAMES[section],
        tokens,
        from: { read: one, written: two - one, fresh: tokens - two },
        marks: marks.flatMap((mark) => (mark?.section === section ? [{ at: mark.at, ttl: mark.ttl }] : [])),
      },
    ];
  });
}

/** How far the cache covers the prompt, in tokens as estimated: what was read, then what was written. */
function coveredOf(
  estimate: NonNullable<Plan["estimate"]>,
  kinds: Kinds | null,
  marks: readonly (PlacedMark | null)[],
): { readonly read: number; readonly written: number } {
  if (kinds === null || promptOf(kinds) === 0) return { read: 0, written: 0 };
  const written = kinds.cache_write_5m + kinds.cache_write_1h;
  const covered = kinds.cache_read + written;
  const before = (section: Section) =>
    sum(ORDER.slice(0, ORDER.indexOf(section)).map((each) => estimate[each] ?? 0));
  // What is read and written ends at the last mark. Without one in sight, estimate and bill differ evenly.
  const last = marks.every((mark) => mark !== null) ? marks.at(-1) : undefined;
  const end =
    last == null || covered === 0
      ? (covered / promptOf(kinds)) * sum(ORDER.map((section) => estimate[section] ?? 0))
      : before(last.section) + last.at * (estimate[last.section] ?? 0);
  const scale = covered === 0 ? 0 : end / covered;
  return { read: kinds.cache_read * scale, written: written * scale };
}

/** Everything that was sent, in tokens as billed. */
export function promptOf({ input, cache_read, cache_write_5m, cache_write_1h }: Kinds): number {
  return input + cache_read + cache_write_5m + cache_write_1h;
}

/** "from the cache", "62% from the cache, 8% written to it", "not cached" */
export function sourceWords({ tokens, from }: Slice): string {
  const share = (part: number) => {
    const percent = Math.round((100 * part) / tokens);
    return part === 0 || percent === 0 ? null : percent === 100 ? "" : `${percent}% `;
  };
  const [read, written] = [share(from.read), share(from.written)];
  if (read === null && written === null) return "not cached";
  if (read === null) return `${written ?? ""}written to the cache`;
  return `${read}from the cache${written === null ? "" : `, ${written}written to it`}`;
}

interface PlacedMark extends Mark {
  readonly section: Section;
}

/** Null for a mark on a message that is not loaded. */
function marksOf({ recipe = {} }: Plan, messages: readonly Message[]): readonly (PlacedMark | null)[] {
  return (recipe.breakpoints ?? []).map(({ at, ttl }) => {
    if (at === "system") return { section: "system", at: 1, ttl };
    if (at === "ladder") return { section: "summary", at: 1, ttl };
    if (at === recipe.last_message_id) return { section: "new", at: 1, ttl };
    const within = placeIn(messages, recipe.first_message_id, recipe.last_message_id, at);
    return within === null ? null : { section: "window", at: within, ttl };
  });
}

/** How much of the window stands up to the end of message `at`, by letters; null while not all of it is loaded. */
function placeIn(
  messages: readonly Message[],
  first: string | undefined,
  last: string | undefined,
  at: string,
): number | null {
  const place = (id: string | undefined) => messages.findIndex((message) => message.id === id);
  const [from, mark, to] = [place(first), place(at), place(last)];
  if (from < 0 || mark < from || to <= mark) return null;
  const letters = messages
    .slice(from, to)
    .map(({ parts }) => sum(parts.map(({ type, text }) => (type === "text" ? (text ?? "").length : 0))));
  const all = sum(letters);
  return all === 0 ? null : sum(letters.slice(0, mark - from + 1)) / all;
}

/** "5m" and "1h" in words. */
export function lifeWords(ttl: string): string {
  return ttl === "5m" ? "5 minutes" : ttl === "1h" ? "1 hour" : ttl;
}

/** Each mark in words, for those who do not see the bar. */
export function markWords({ recipe = {} }: Plan): readonly string[] {
  return (recipe.breakpoints ?? []).map(({ at, ttl }) => {
    const where =
      at === "system"
        ? "the system prompt"
        : at === "ladder"
          ? "the summary"
          : at === recipe.last_message_id
            ? "the new message"
            : "an earlier message";
    return `after ${where}, for ${lifeWords(ttl)}`;
  });
}

export interface BillRow {
  readonly name: string;
  readonly foreseen: number | null;
  readonly billed: number | null;
}

const KINDS: readonly (readonly [Exclude<keyof Kinds, "reasoning">, string])[] = [
  ["cache_read", "Read from the cache"],
  ["cache_write_5m", "Written to it for 5 minutes"],
  ["cache_write_1h", "Written to it for 1 hour"],
  ["input", "Not cached"],
  ["output", "Answer"],
];

export function billOf(foreseen: Kinds | null, billed: Kinds | null): readonly BillRow[] {
  return KINDS.map(([kind, name]) => ({
    name,
    foreseen: foreseen?.[kind] ?? null,
    billed: billed?.[kind] ?? null,
  }));
}

/** Picodollars as an amount in dollars. */
export function usd(pico: number | null | undefined): string | null {
  return typeof pico === "number" ? String(pico / 1e12) : null;
}

const CAUSES: Readonly<Record<string, string>> = {
  expired: "It had expired",
  changed: "What was cached had changed",
  model_or_settings: "The model or its settings had changed",
  lookback: "It stood too far back to be found",
  unknown: "Why is not known",
};

/** Why the cache helped less than foreseen: how much, the cause, and what is known of it. */
export function shortfallWords({ shortfall, predicted, billed }: Call): string | null {
  if (shortfall === null || shortfall === "") return null;
  const [, name = "", detail = ""] = /^([a-z_]+): (.*)$/s.exec(shortfall) ?? ["", "", shortfall];
  const missing = (predicted?.cache_read ?? 0) - billed.cache_read;
  const what =
    missing > 0
      ? `${missing.toLocaleString("en")} tokens that should have come from the cache did not`
      : "The cache helped less than foreseen";
  const cause = CAUSES[name];
  return cause === undefined ? `${what}: ${detail}.` : `${what}. ${cause}: ${detail}.`;
}

/** What else the turn paid for. */
export function otherCalls({ calls }: TurnContext): readonly (Call & { readonly name: string })[] {
  const answer = calls.findLastIndex(({ purpose }) => purpose === "reply");
  return calls.flatMap((call, index) => (index === answer ? [] : [{ ...call, name: purposeWords(call) }]));
}

function purposeWords({ purpose, outcome }: Call): string {
  if (purpose === "reply") return `An attempt that failed: ${outcomeWords(outcome)}`;
  if (purpose === "title") return "Writing the title";
  if (purpose === "summary") return "Summarising older messages";
  if (purpose === "keepalive") return "Keeping the cache warm";
  return sentence(purpose);
}

const REASONS: Readonly<Record<string, string>> = {
  route: "Model",
  window: "Messages",
  summary: "Summary",
  cache: "Cache",
  system: "System prompt",
  breakpoints: "Cache marks",
  fold: "Summarising",
};

export function reasonsOf({ reasons = {} }: Plan): readonly (readonly [string, string])[] {
  return Object.entries(reasons).flatMap(([name, text]) =>
    typeof text === "string" && text !== ""
      ? [[REASONS[name] ?? sentence(name), capital(text)] as const]
      : [],
  );
}

/** The models a turn could have gone to, with what each would have cost. */
export function candidatesOf({ route }: Plan): readonly { readonly name: string; readonly note: string }[] {
  return (route?.candidates ?? []).map((one) => ({
    name: one.label === "" ? one.model : one.label,
    note: one.admissible ? (dollars(usd(one.price_pico_usd)) ?? "no known price") : one.why,
  }));
}

/** What spoke for and against a better model, the strongest first. */
export function signalsOf({ route }: Plan): readonly string[] {
  return (route?.complexity?.signals ?? []).map(([name, , weight]) => `${name} (${weight})`);
}

export function leftOutWords({ what, messages, tokens }: LeftOut): string {
  const size = tokens > 0 ? ` (about ${tokens.toLocaleString("en")} tokens)` : "";
  if (what === "window") {
    const count = messages === 1 ? "1 message" : messages > 0 ? `${messages} messages` : "Older messages";
    return `${count}${size}`;
  }
  if (what === "summary") return `The summary${size}`;
  if (what.startsWith("recall ")) return `A recalled message${size}`;
  return `${sentence(what)}${size}`;
}

/** A text in pieces, those that are ids of messages apart. */
export function withIds(
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

export interface Fullness {
  /** Tokens of verbatim conversation, of all that was told, and the most there may be of the first. */
  readonly verbatim: number;
  readonly total: number;
  readonly most: number;
  /** From 0 to 1. */
  readonly share: number;
}

/** How full the window was; null when that is not known. */
export function fullnessOf(plan: Plan | null, most: number | undefined): Fullness | null {
  const estimate = plan?.estimate;
  if (estimate === undefined || most === undefined || most <= 0) return null;
  const verbatim = (estimate.window ?? 0) + (estimate.new ?? 0);
  const total = estimate.total ?? sum(ORDER.map((section) => estimate[section] ?? 0));
  return { verbatim, total, most, share: Math.min(1, verbatim / most) };
}

function sentence(name: string): string {
  return capital(name.replace(/_/g, " "));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
