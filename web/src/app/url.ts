import type { PageLocation } from "../state/state.ts";

export type Urls = ReturnType<typeof createUrls>;

/** The path a file in `assets/` is under: "" for the root, else such as `/chat`. */
export function basePath(script: string): string {
  return new URL("..", script).pathname.slice(0, -1);
}

/** The page's own URLs under a base path: `/` is a new conversation, `/t/<id>` a thread, `/t/<id>#m-<id>` a message in it. */
export function createUrls(base: string) {
  return {
    home: `${base}/`,
    /** The usage page, which is opened by a plain link. */
    usage: `${base}/usage`,
    to({ threadId, messageId }: PageLocation): string {
      if (threadId === null) return `${base}/`;
      const hash = messageId === null ? "" : `#m-${encodeURIComponent(messageId)}`;
      return `${base}/t/${encodeURIComponent(threadId)}${hash}`;
    },
    parse({ pathname, hash }: Pick<Location, "pathname" | "hash">): PageLocation {
      const thread = /^\/t\/([^/]+)\/?$/.exec(pathname.slice(base.length))?.[1];
      if (thread === undefined) return { threadId: null, messageId: null };
      const message = hash.startsWith("#m-") ? hash.slice(3) : "";
      return { threadId: decode(thread), messageId: message === "" ? null : decode(message) };
    },
    isUsage: ({ pathname }: Pick<Location, "pathname">) => /^\/usage\/?$/.test(pathname.slice(base.length)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
