import type { Message } from "../transport/protocol.ts";
import { textOf } from "./state.ts";

export interface Match {
  readonly start: number;
  readonly end: number;
}

/**
 * The ids of the messages that contain a text, in the order of the messages. Case, accents and the kind of space do not matter,
 * nor does the markup inside the text.
 */
export function findMessages(messages: readonly Message[], query: string): readonly string[] {
  const sought = comparable(query.trim());
  if (sought === "") return [];
  return messages
    .filter((message) => {
      const text = textOf(message);
      return comparable(text).includes(sought) || comparable(withoutMarkup(text)).includes(sought);
    })
    .map(({ id }) => id);
}

/** Where a text contains what is sought. Matches do not overlap. */
export function matchesIn(text: string, query: string): readonly Match[] {
  const sought = comparable(query.trim());
  if (sought === "") return [];
  const starts: number[] = [];
  let whole = "";
  let at = 0;
  for (const character of text) {
    // A run of spaces is one space, as in `comparable`.
    const isRepeated = /\s/.test(character) && whole.endsWith(" ");
    const letters = isRepeated ? "" : comparable(character);
    for (let count = 0; count < letters.length; count++) starts.push(at);
    whole += letters;
    at += character.length;
  }
  const matches: Match[] = [];
  for (let from = whole.indexOf(sought); from >= 0; from = whole.indexOf(sought, from + sought.length)) {
    const start = starts[from] ?? at;
    let next = from + sought.length;
    // Part of a letter that was taken apart counts as the letter.
    while (starts[next] === starts[next - 1]) next++;
    matches.push({ start, end: starts[next] ?? at });
  }
  return matches;
}

function comparable(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff]/g, "")
    .toLowerCase()
    .replace(/\s+/g, " ");
}

/** Emphasis, code marks and the addresses of links, which the reader does not see. */
function withoutMarkup(text: string): string {
  return text.replace(/[*_~`]+|\]\([^)\s]*\)|[[\]]/g, "");
}
