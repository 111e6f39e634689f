// The parts of one prompt: how long each is, how much of it came from the cache, and where the cache breakpoints are. Pure.

import type { Message, Plan, PromptSection, UsageByKind } from "../transport/protocol.ts";
import { promptTokens } from "./usage-kinds.ts";

/** Before the id of a segment of the summary that is not its last. */
const SEGMENT = "summary:";
const INSTRUCTIONS = "instructions:";

/** The order of the request, which is also the order in which a cached prefix covers it. */
export const SECTIONS: readonly PromptSection[] = [
  "tools",
  "system",
  "instructions",
  "summary",
  "window",
  "new",
  "recall",
];

const NAMES: Readonly<Record<PromptSection, string>> = {
  tools: "Tools",
  system: "System prompt",
  instructions: "Instructions",
  summary: "Summary",
  window: "Earlier messages",
  new: "New message",
  recall: "Recalled",
};

/** Whether tokens were read from the cache, written to it, or neither. */
export type Source = "read" | "written" | "uncached";

export interface PromptSlice {
  readonly section: PromptSection;
  readonly name: string;
  /** Estimated, as are the tokens by source, which add up to it. */
  readonly tokens: number;
  readonly from: Readonly<Record<Source, number>>;
  readonly breakpoints: readonly Breakpoint[];
}

export interface Breakpoint {
  /** From 0, the start of the slice, to 1, its end. */
  readonly at: number;
  readonly ttl: string;
}

interface PlacedBreakpoint extends Breakpoint {
  readonly section: PromptSection;
}

/** The parts of the prompt. `messages` are the loaded messages of the thread; they place the breakpoints in the window. */
export function promptSlices(
  plan: Plan,
  usage: UsageByKind | null,
  messages: readonly Message[],
): readonly PromptSlice[] {
  const { estimate = {} } = plan;
  const breakpoints = placeBreakpoints(plan, messages);
  const { read, written } = cacheCoverage(estimate, usage, breakpoints);
  let start = 0;
  return SECTIONS.flatMap((section) => {
    const tokens = estimate[section] ?? 0;
    if (tokens <= 0) return [];
    const end = start + tokens;
    const upTo = (edge: number) => Math.round(Math.min(end, Math.max(start, edge)) - start);
    const [readEnd, writtenEnd] = [upTo(read), upTo(read + written)];
    start = end;
    return [
      {
        section,
        name: NAMES[section],
        tokens,
        from: { read: readEnd, written: writtenEnd - readEnd, uncached: tokens - writtenEnd },
        breakpoints: breakpoints.flatMap((breakpoint) =>
          breakpoint?.section === section ? [{ at: breakpoint.at, ttl: breakpoint.ttl }] : [],
        ),
      },
    ];
  });
}

/** How far the cache covers the prompt, in estimated tokens: first what was read, then what was written. */
function cacheCoverage(
  estimate: NonNullable<Plan["estimate"]>,
  usage: UsageByKind | null,
  breakpoints: readonly (PlacedBreakpoint | null)[],
): { readonly read: number; readonly written: number } {
  if (usage === null || promptTokens(usage) === 0) return { read: 0, written: 0 };
  const written = usage.cache_write_5m + usage.cache_write_1h;
  const covered = usage.cache_read + written;
  const before = (section: PromptSection) =>
    sum(SECTIONS.slice(0, SECTIONS.indexOf(section)).map((other) => estimate[other] ?? 0));
  // Reads and writes end at the last breakpoint. Where its position is unknown, scale by the share of the actual usage.
  const last = breakpoints.every((breakpoint) => breakpoint !== null) ? breakpoints.at(-1) : undefined;
  const end =
    last == null || covered === 0
      ? (covered / promptTokens(usage)) * sum(SECTIONS.map((section) => estimate[section] ?? 0))
      : before(last.section) + last.at * (estimate[last.section] ?? 0);
  const scale = covered === 0 ? 0 : end / covered;
  return { read: usage.cache_read * scale, written: written * scale };
}

/** "from the cache", "62% from the cache, 8% written to it", "not cached" */
export function sourceLabel({ tokens, from }: PromptSlice): string {
  const share = (part: number) => {
    const percent = Math.round((100 * part) / tokens);
    return part === 0 || percent === 0 ? null : percent === 100 ? "" : `${percent}% `;
  };
  const [read, written] = [share(from.read), share(from.written)];
  if (read === null && written === null) return "not cached";
  if (read === null) return `${written ?? ""}written to the cache`;
  return `${read}from the cache${written === null ? "" : `, ${written}written to it`}`;
}

/** Null for a breakpoint on a message that is not loaded. */
function placeBreakpoints(
  { recipe = {} }: Plan,
  messages: readonly Message[],
): readonly (PlacedBreakpoint | null)[] {
  // Where in the summary a segment of it ends is not stored: such a breakpoint is only listed.
  const placed = (recipe.breakpoints ?? []).filter(({ at }) => !at.startsWith(SEGMENT));
  return placed.map(({ at, ttl }) => {
    if (at === "system") return { section: "system", at: 1, ttl };
    if (at === INSTRUCTIONS) return { section: "instructions", at: 1, ttl };
    if (at === "summary") return { section: "summary", at: 1, ttl };
    if (at === recipe.last_message_id) return { section: "new", at: 1, ttl };
    const position = positionInWindow(messages, recipe.first_message_id, recipe.last_message_id, at);
    return position === null ? null : { section: "window", at: position, ttl };
  });
}

/** The share of the window up to the end of message `at`, by letters; null while part of the window is not loaded. */
function positionInWindow(
  messages: readonly Message[],
  first: string | undefined,
  last: string | undefined,
  at: string,
): number | null {
  const indexOf = (id: string | undefined) => messages.findIndex((message) => message.id === id);
  const [start, index, end] = [indexOf(first), indexOf(at), indexOf(last)];
  if (start < 0 || index < start || end <= index) return null;
  const letters = messages
    .slice(start, end)
    .map(({ parts }) => sum(parts.map(({ type, text }) => (type === "text" ? (text ?? "").length : 0))));
  const total = sum(letters);
  return total === 0 ? null : sum(letters.slice(0, index - start + 1)) / total;
}

/** "5m" and "1h" in words. */
export function ttlLabel(ttl: string): string {
  return ttl === "5m" ? "5 minutes" : ttl === "1h" ? "1 hour" : ttl;
}

/** Each breakpoint in words, for those who do not see the bar. */
export function breakpointLabels({ recipe = {} }: Plan): readonly string[] {
  return (recipe.breakpoints ?? []).map(({ at, ttl }) => {
    const position =
      at === "system"
        ? "the system prompt"
        : at === INSTRUCTIONS
          ? "the instructions"
          : at === "summary"
            ? "the summary"
            : at.startsWith(SEGMENT)
              ? "an older part of the summary"
              : at === recipe.last_message_id
                ? "the new message"
                : "an earlier message";
    return `after ${position}, TTL ${ttlLabel(ttl)}`;
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
