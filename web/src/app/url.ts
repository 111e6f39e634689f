import type { PageLocation } from "../state/state.ts";

/** `/` is a new conversation, `/t/<id>` a thread, `/t/<id>#m-<id>` a message in it. */
export function parseUrl(location: Pick<Location, "pathname" | "hash">): PageLocation {
  const thread = /^\/t\/([^/]+)\/?$/.exec(location.pathname)?.[1];
  if (thread === undefined) return { threadId: null, messageId: null };
  const message = location.hash.startsWith("#m-") ? location.hash.slice(3) : "";
  return { threadId: decode(thread), messageId: message === "" ? null : decode(message) };
}

/** Whether this is the usage page, which is opened by a plain link. */
export function isUsageUrl(location: Pick<Location, "pathname">): boolean {
  return /^\/usage\/?$/.test(location.pathname);
}

export function urlOf({ threadId, messageId }: PageLocation): string {
  if (threadId === null) return "/";
  const hash = messageId === null ? "" : `#m-${encodeURIComponent(messageId)}`;
  return `/t/${encodeURIComponent(threadId)}${hash}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
