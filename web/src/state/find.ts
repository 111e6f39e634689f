import type { Message } from "../transport/protocol.ts";
import { textOf } from "./state.ts";

/** The ids of the messages that contain a text, in the order of the messages; case and accents do not matter. */
export function findMessages(messages: readonly Message[], query: string): readonly string[] {
  const sought = comparable(query.trim());
  if (sought === "") return [];
  return messages.filter((message) => comparable(textOf(message)).includes(sought)).map(({ id }) => id);
}

function comparable(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase();
}
