import type { Place } from "../state/state.ts";

/** `/` is a new conversation, `/t/<id>` a thread, `/t/<id>#m-<id>` a message in it. */
export function placeOf(location: Pick<Location, "pathname" | "hash">): Place {
  const thread = /^\/t\/([^/]+)\/?$/.exec(location.pathname)?.[1];
  if (thread === undefined) return { threadId: null, messageId: null };
  const message = location.hash.startsWith("#m-") ? location.hash.slice(3) : "";
  return { threadId: decoded(thread), messageId: message === "" ? null : decoded(message) };
}

/** The page of figures: a place of its own, reached by a plain link. */
export function isUsage(location: Pick<Location, "pathname">): boolean {
  return /^\/usage\/?$/.test(location.pathname);
}

export function pathOf({ threadId, messageId }: Place): string {
  if (threadId === null) return "/";
  const hash = messageId === null ? "" : `#m-${encodeURIComponent(messageId)}`;
  return `/t/${encodeURIComponent(threadId)}${hash}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
