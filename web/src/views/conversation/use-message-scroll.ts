// Connects the message list to its ScrollKeeper: which rows are rendered, and where the list scrolls.

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import type { Conversation, PageLocation } from "../../state/state.ts";
import { useActions } from "../hooks/actions-context.ts";
import type { Window } from "./list-window.ts";
import { type Row, ScrollKeeper } from "./scroll-keeper.ts";

/** How near the top the next older page is loaded, in pixels. */
const NEAR_TOP = 1_500;

interface ScrollOptions {
  readonly conversation: Conversation;
  readonly rows: readonly Row[];
  /** How many posts wait. A new one scrolls the list to its end. */
  readonly posts: number;
  /** Its message is scrolled into view. */
  readonly location: PageLocation;
}

interface MessageScroll {
  readonly scroller: RefObject<HTMLDivElement | null>;
  /** The rows to render. */
  readonly range: Window;
  /** The list stays at its end while text arrives. */
  readonly isFollowing: boolean;
  readonly onScroll: () => void;
  readonly follow: () => void;
}

export function useMessageScroll({ conversation, rows, posts, location }: ScrollOptions): MessageScroll {
  const scroller = useRef<HTMLDivElement>(null);
  const keeper = useMemo(() => new ScrollKeeper(), []);
  const [, update] = useReducer((count: number) => count + 1, 0);
  const rerender = () => update(undefined);
  const range = keeper.plan(rows, scroller.current?.clientHeight ?? 900);
  const rendered = useRef(range);
  rendered.current = range;

  const follow = () => {
    keeper.follow();
    rerender();
  };

  useLayoutEffect(() => {
    if (scroller.current !== null && keeper.settle(scroller.current)) rerender();
  });

  const postsBefore = useRef(posts);
  useLayoutEffect(() => {
    if (posts > postsBefore.current) follow();
    postsBefore.current = posts;
  }, [posts, keeper]);

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => keeper.settle(element) && rerender());
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, [keeper]);

  useSeek(conversation.id, location, (messageId) => {
    keeper.goTo(messageId);
    rerender();
  });

  const loadOlder = useLoadOlder(conversation, scroller);

  const onScroll = () => {
    const element = scroller.current;
    if (element === null) return;
    const { following } = keeper;
    keeper.scrolled(element);
    const next = keeper.plan(rows, element.clientHeight);
    const { first, end } = rendered.current;
    if (next.first !== first || next.end !== end || following !== keeper.following) rerender();
    loadOlder();
  };

  return { scroller, range, isFollowing: keeper.following, onScroll, follow };
}

/** Loads the message of the location, wherever it is in the thread. */
function useSeek(threadId: string, location: PageLocation, onLoaded: (messageId: string) => void): void {
  const { threads } = useActions();
  const { messageId } = location;
  useEffect(() => {
    if (messageId === null) return;
    let isCurrent = true;
    void threads.seek(threadId, messageId).then((isLoaded) => {
      if (isCurrent && isLoaded) onLoaded(messageId);
    });
    return () => {
      isCurrent = false;
    };
    // The location as a whole: a link may lead to the same message again.
  }, [location, threadId, threads]);
}

/** Loads older messages when the list is near its top: after each rendering, and when the returned function is called. */
function useLoadOlder(conversation: Conversation, scroller: RefObject<HTMLDivElement | null>): () => void {
  const { threads } = useActions();
  const loadOlder = () => {
    const element = scroller.current;
    if (element === null) return;
    if (element.scrollTop < NEAR_TOP && conversation.hasMore && conversation.older === "idle")
      void threads.older(conversation.id);
  };
  useEffect(loadOlder);
  return loadOlder;
}
