// Why older messages were recalled for a turn, or none, in words. Pure.

import type { Plan, StoredRecall } from "../transport/protocol.ts";
import { picoToDollars } from "./context-report.ts";
import { dollars } from "./numbers.ts";

const NOTHING: Readonly<Record<string, string>> = {
  off: "recall is switched off",
  nothing_older: "nothing is older than the messages sent in full",
  asks_nothing: "the message asks nothing that older messages answer",
  unlikely: "it is too unlikely that the message needs something older",
  nothing_found: "no older message has to do with the message",
  in_summary: "the summary says already what the older messages say",
};

const FOR: Readonly<Record<string, string>> = {
  asks: "the message asks",
  looks_back: "it speaks of earlier",
  names_speaker: "it names somebody who speaks in this conversation",
  words_are_old: "its words stand in older messages",
};

const AGAINST: Readonly<Record<string, string>> = {
  words_in_window: "its words stand in the recent messages",
  words_unknown: "older messages lack its words",
  reacts: "it reacts to what was just said",
  points: "it points at what was just said",
};

/** What was recalled, at what size and price, and why; null for a plan from before this was stored. */
export function recallText({ recall }: Plan): string | null {
  if (recall === undefined) return null;
  if (recall.code === "recalled") return `Recalled ${amount(recall)}, ${because(recall)}.`;
  const why = NOTHING[recall.code];
  return why === undefined
    ? "Nothing recalled."
    : `Nothing recalled: ${why}${recall.code === "unlikely" ? ` (${chance(recall)})` : ""}.`;
}

function amount({ messages, tokens, cost_pico_usd }: StoredRecall): string {
  const count = messages === 1 ? "1 message" : `${messages.toLocaleString("en")} messages`;
  const price = dollars(picoToDollars(cost_pico_usd));
  const size = `${tokens.toLocaleString("en")} tokens`;
  return price === null ? `${count}, ${size}` : `${count}, ${size}, ${price}`;
}

function because(recall: StoredRecall): string {
  const reasons = recall.because.flatMap((name) => FOR[name] ?? []);
  const doubts = recall.because.flatMap((name) => AGAINST[name] ?? []);
  const why = reasons.length === 0 ? "the message may need them" : reasons.join(" and ");
  const although = doubts.length === 0 ? "" : `, although ${doubts.join(" and ")}`;
  return `because ${why}${although}: ${chance(recall)} that it needs them`;
}

function chance({ probability }: StoredRecall): string {
  const percent = probability * 100;
  return `${percent < 1 ? "under 1" : Math.round(percent)} % likely`;
}
