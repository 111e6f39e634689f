import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { type Conversation, waitsForReader } from "../../state/state.ts";
import { Icon } from "../elements/icons.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { usePrinting } from "../hooks/use-printing.ts";
import { MessageView } from "../message/MessageView.tsx";
import { InstructionsMarker } from "./InstructionsMarker.tsx";
import { activityOf, allRows, type ListRow, messageRow } from "./message-rows.ts";
import { PendingPost } from "./PendingPost.tsx";
import { SummaryMarker } from "./SummaryMarker.tsx";
import { useMessageScroll } from "./use-message-scroll.ts";

export function MessageList({ conversation }: { readonly conversation: Conversation }): JSX.Element {
  const outbox = useSelector((state) => state.outbox);
  const location = useSelector((state) => state.location);
  const { id, live, messages, summary } = conversation;
  const versions = conversation.instructions?.versions ?? [];
  const posts = outbox.filter((post) => post.threadId === id);
  const stored = useMemo(() => messages.map(messageRow), [messages]);
  const rows = useMemo(() => allRows(conversation, stored, posts), [stored, live, outbox]);
  const scroll = useMessageScroll({ conversation, rows, posts: posts.length, location });
  const isPrinting = usePrinting();
  const range = isPrinting ? { first: 0, end: rows.length, above: 0, below: 0 } : scroll.range;
  const busy = live !== null || posts.some((post) => !waitsForReader(post));
  return (
    <div class="messages-frame">
      <div
        class="messages"
        ref={scroll.scroller}
        onScroll={scroll.onScroll}
        role="log"
        aria-live="off"
        aria-label="Messages"
        // A scrolling region must be reachable by keyboard.
        tabIndex={0}
      >
        <div class="column">
          <OlderMessages conversation={conversation} />
          {!conversation.hasMore && <InstructionsMarker versions={versions} after={null} />}
          {rows.length === 0 && <p class="no-messages">No messages yet.</p>}
          <div class="spacer" style={{ height: `${range.above}px` }} />
          {rows.slice(range.first, range.end).map((row) => (
            <RowFrame key={row.key} row={row} highlighted={row.key === location.messageId}>
              <RowContent row={row} conversation={conversation} busy={busy} />
              <InstructionsMarker versions={versions} after={row.key} />
              {row.key === summary.value?.upto_message_id && <SummaryMarker threadId={id} />}
            </RowFrame>
          ))}
          <div class="spacer" style={{ height: `${range.below}px` }} />
        </div>
      </div>
      {!scroll.isFollowing && (
        <button type="button" class="latest" onClick={scroll.follow}>
          <Icon name="latest" />
          <span>{live === null ? "Latest" : "Follow the answer"}</span>
        </button>
      )}
    </div>
  );
}

interface FrameProps {
  readonly row: ListRow;
  readonly highlighted: boolean;
  readonly children: ComponentChildren;
}

function RowFrame({ row, highlighted, children }: FrameProps): JSX.Element {
  return (
    <div data-row={row.key} class={highlighted ? "row highlighted" : "row"}>
      {children}
    </div>
  );
}

interface ContentProps {
  readonly row: ListRow;
  readonly conversation: Conversation;
  readonly busy: boolean;
}

function RowContent({ row: { message, post }, conversation, busy }: ContentProps): JSX.Element | null {
  if (post !== null) return <PendingPost post={post} />;
  if (message === null) return null;
  const { live, messages, routes } = conversation;
  const running = live !== null && message.id === live.message.id ? live : null;
  return (
    <MessageView
      message={message}
      route={routes[message.id] ?? null}
      last={message.id === messages.at(-1)?.id}
      busy={busy}
      activity={running === null ? null : activityOf(running)}
      lost={running?.connection === "lost"}
    />
  );
}

function OlderMessages({ conversation }: { readonly conversation: Conversation }): JSX.Element | null {
  const { threads } = useActions();
  if (!conversation.hasMore) return null;
  if (conversation.older === "failed") {
    return (
      <div class="outcome">
        <span>Older messages could not be loaded.</span>
        <button type="button" class="text-button" onClick={() => void threads.older(conversation.id)}>
          Try again
        </button>
      </div>
    );
  }
  return <Skeleton lines={2} label="Older messages" />;
}
