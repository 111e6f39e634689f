import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { findMessages } from "../../state/find.ts";
import type { Message } from "../../transport/protocol.ts";
import { IconButton } from "../elements/icons.tsx";
import { commandKey, isShortcut } from "../elements/keyboard.ts";
import { useActions } from "../hooks/actions-context.ts";
import { useFindMarks } from "./use-find-marks.ts";

const NONE: readonly Message[] = [];

/** Finds a text in all messages of the conversation: the browser's own search sees only the rendered ones. */
export function FindBar({ threadId }: { readonly threadId: string }): JSX.Element | null {
  const [isOpen, setOpen] = useState(false);
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      // Pressed again inside the field, the key opens the browser's search.
      const isInside = event.target instanceof Element && event.target.closest(".find") !== null;
      const isCovered = document.querySelector("dialog[open]") !== null;
      if (!isShortcut(event, "f") || isInside || isCovered) return;
      event.preventDefault();
      setOpen(true);
      document.querySelector<HTMLInputElement>(".find input")?.select();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
  return isOpen ? <OpenBar threadId={threadId} onClose={() => setOpen(false)} /> : null;
}

interface BarProps {
  readonly threadId: string;
  readonly onClose: () => void;
}

function OpenBar({ threadId, onClose }: BarProps): JSX.Element {
  const { threads, navigate } = useActions();
  const [query, setQuery] = useState("");
  const [shown, setShown] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const conversation = useSelector((state) => state.conversations[threadId]);
  const messages = conversation?.messages ?? NONE;
  const hits = useMemo(() => findMessages(messages, query), [messages, query]);
  const index = shown === null ? -1 : hits.indexOf(shown);

  useFindMarks(threadId, query, index < 0 ? null : shown);
  useLayoutEffect(() => field.current?.focus(), []);
  useEffect(() => void threads.loadAll(threadId), [threads, threadId]);

  const step = (by: 1 | -1) => {
    // The first one shown is the newest.
    const from = index < 0 ? (by === 1 ? -1 : hits.length) : index;
    const next = hits[(from + by + hits.length) % hits.length];
    if (next === undefined) return;
    setShown(next);
    navigate({ threadId, messageId: next }, "replace");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const key = commandKey(event);
    if (key === "Escape") onClose();
    else if (key === "Enter") step(event.shiftKey ? 1 : -1);
    else return;
    event.preventDefault();
  };

  return (
    <div class="find" role="search" aria-label="Find in this conversation">
      <input
        ref={field}
        class="field"
        type="text"
        aria-label="Find in this conversation"
        placeholder="Find in this conversation"
        dir="auto"
        value={query}
        onInput={({ currentTarget }) => setQuery(currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <span class="find-count" role="status">
        {countText(query, index, hits.length, conversation?.hasMore ?? false)}
      </span>
      <IconButton icon="left" label="Earlier message" disabled={hits.length === 0} onClick={() => step(-1)} />
      <IconButton icon="right" label="Later message" disabled={hits.length === 0} onClick={() => step(1)} />
      <IconButton icon="close" label="Close" onClick={onClose} />
    </div>
  );
}

function countText(query: string, index: number, count: number, isLoading: boolean): string {
  if (isLoading) return "Loading messages";
  if (query.trim() === "") return "";
  if (count === 0) return "Not found";
  return index < 0 ? `${count} ${count === 1 ? "message" : "messages"}` : `${index + 1} of ${count}`;
}
