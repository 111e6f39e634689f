// The rows of the message list: stored messages, the streaming answer, and posts that are not on the server yet. Pure.

import {
  type Conversation,
  isAnswerBranch,
  type LiveTurn,
  type Post,
  textOf,
  visibleMessages,
  waitsForReader,
} from "../../state/state.ts";
import type { Message } from "../../transport/protocol.ts";
import type { Row } from "./scroll-keeper.ts";

export interface ListRow extends Row {
  readonly message: Message | null;
  readonly post: Post | null;
}

/** More lines than this do not change the estimated height. */
const MAX_LINES = 400;

export function messageRow(message: Message): ListRow {
  const text = textOf(message);
  return { key: message.id, message, post: null, length: text.length, lines: countLines(text) };
}

/** `stored` are the rows of the stored messages, which change less often than the others. */
export function allRows(
  conversation: Conversation,
  stored: readonly ListRow[],
  posts: readonly Post[],
): readonly ListRow[] {
  const visible = visibleMessages(conversation);
  const live = visible.length > stored.length ? visible.at(-1) : undefined;
  const pending = posts.filter(
    (post) => !isAnswerBranch(post.branch) || waitsForReader(post) || post.status === "offline",
  );
  return [
    ...stored,
    ...(live === undefined ? [] : [{ key: live.id, message: live, post: null, length: 0, lines: 3 }]),
    ...pending.map((post) => ({
      key: post.key,
      message: null,
      post,
      length: post.text.length,
      lines: countLines(post.text),
    })),
  ];
}

/** What the streaming answer shows while no text arrives. */
export function activityOf(live: LiveTurn): string | null {
  if (live.connection === "lost") return "Connection lost. Reconnecting.";
  if (live.stopping) return "Stopping";
  return live.activity;
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0 && lines < MAX_LINES; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
