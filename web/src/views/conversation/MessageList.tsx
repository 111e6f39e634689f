import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import type { Message } from "../../transport/protocol.ts";
import { type Conversation, isAnotherAnswer, type Post, textOf, visibleMessages } from "../../state/state.ts";
import { useSelect } from "../../app/store.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { Icon } from "../elements/icons.tsx";
import { MessageView } from "../message/MessageView.tsx";
import { PostView } from "./PendingPost.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { SummaryMarker } from "./SummaryMarker.tsx";
import { type Row, ScrollKeeper } from "./scroll-keeper.ts";

interface ListRow extends Row {
  readonly message: Message | null;
  readonly post: Post | null;
}

/** How near the top, in pixels, older messages are asked for. */
const NEAR_TOP = 1_500;

export function MessageList({ conversation }: { readonly conversation: Conversation }): JSX.Element {
  const { threads } = useDeeds();
  const outbox = useSelect((state) => state.outbox);
  const place = useSelect((state) => state.place);
  const wanted = place.messageId;
  const scroller = useRef<HTMLDivElement>(null);
  const keeper = useMemo(() => new ScrollKeeper(), []);
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const { id, live, messages, routes, summary } = conversation;
  const posts = outbox.filter((post) => post.threadId === id);
  const stored = useMemo(() => messages.map(messageRow), [messages]);
  const rows = useMemo(() => allRows(conversation, stored, posts), [stored, live, outbox]);
  const range = keeper.plan(rows, scroller.current?.clientHeight ?? 900);
  const shown = useRef(range);
  shown.current = range;

  useLayoutEffect(() => {
    if (scroller.current !== null && keeper.settle(scroller.current)) redraw(undefined);
  });

  const said = useRef(posts.length);
  useLayoutEffect(() => {
    if (posts.length > said.current) {
      keeper.follow();
      redraw(undefined);
    }
    said.current = posts.length;
  }, [posts.length, keeper]);

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const watch = new ResizeObserver(() => keeper.settle(element) && redraw(undefined));
    watch.observe(element);
    if (element.firstElementChild) watch.observe(element.firstElementChild);
    return () => watch.disconnect();
  }, [keeper]);

  useEffect(() => {
    if (wanted === null) return;
    let current = true;
    void threads.seek(id, wanted).then((found) => {
      if (!current || !found) return;
      keeper.goTo(wanted);
      redraw(undefined);
    });
    return () => {
      current = false;
    };
    // The place itself: the same message may be asked for again.
  }, [place, id, threads, keeper]);

  const look = () => {
    const element = scroller.current;
    if (element === null) return;
    if (element.scrollTop < NEAR_TOP && conversation.hasMore && conversation.older === "idle")
      void threads.older(id);
  };
  useEffect(look);

  const onScroll = () => {
    const element = scroller.current;
    if (element === null) return;
    const { following } = keeper;
    keeper.scrolled(element);
    const next = keeper.plan(rows, element.clientHeight);
    const { first, end } = shown.current;
    if (next.first !== first || next.end !== end || following !== keeper.following) redraw(undefined);
    look();
  };

  const busy = live !== null || posts.some((post) => post.status !== "failed");
  return (
    <div class="messages-frame">
      <div
        class="messages"
        ref={scroller}
        onScroll={onScroll}
        role="log"
        aria-live="off"
        aria-label="Messages"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
      >
        <div class="column">
          <Older conversation={conversation} />
          {rows.length === 0 && <p class="nothing-said">Nothing has been said here yet.</p>}
          <div class="spacer" style={{ height: `${range.above}px` }} />
          {rows.slice(range.first, range.end).map((row) => (
            <RowFrame key={row.key} row={row} marked={row.key === wanted}>
              {row.post !== null ? (
                <PostView post={row.post} />
              ) : row.message !== null ? (
                <MessageView
                  message={row.message}
                  route={routes[row.message.id] ?? null}
                  last={row.key === messages.at(-1)?.id}
                  busy={busy}
                  activity={row.message.id === live?.message.id ? activityOf(conversation) : null}
                />
              ) : null}
              {row.key === summary.value?.upto_message_id && <SummaryMarker threadId={id} />}
            </RowFrame>
          ))}
          <div class="spacer" style={{ height: `${range.below}px` }} />
        </div>
      </div>
      {!keeper.following && (
        <button
          type="button"
          class="latest"
          onClick={() => {
            keeper.follow();
            redraw(undefined);
          }}
        >
          <Icon name="latest" />
          <span>{live === null ? "Latest" : "Follow the answer"}</span>
        </button>
      )}
    </div>
  );
}

function RowFrame(props: {
  readonly row: ListRow;
  readonly marked: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div data-row={props.row.key} class={props.marked ? "row marked" : "row"}>
      {props.children}
    </div>
  );
}

function Older({ conversation }: { readonly conversation: Conversation }): JSX.Element | null {
  const { threads } = useDeeds();
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

function messageRow(message: Message): ListRow {
  const text = textOf(message);
  return { key: message.id, message, post: null, length: text.length, lines: countLines(text) };
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0 && lines < 400; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

function allRows(
  conversation: Conversation,
  stored: readonly ListRow[],
  posts: readonly Post[],
): readonly ListRow[] {
  const visible = visibleMessages(conversation);
  const live = visible.length > stored.length ? visible.at(-1) : undefined;
  const waiting = posts.filter((post) => !isAnotherAnswer(post.branch) || post.status === "failed");
  return [
    ...stored,
    ...(live === undefined ? [] : [{ key: live.id, message: live, post: null, length: 0, lines: 3 }]),
    ...waiting.map((post) => ({
      key: post.key,
      message: null,
      post,
      length: post.text.length,
      lines: countLines(post.text),
    })),
  ];
}

function activityOf({ live }: Conversation): string | null {
  if (live === null) return null;
  if (live.connection === "lost") return "The connection is lost. Trying again.";
  if (live.stopping) return "Stopping";
  return live.activity;
}
