import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { reasonOf } from "../../actions/dependencies.ts";
import type { SearchResult, Thread } from "../../transport/protocol.ts";
import type { Place } from "../../state/state.ts";
import { useSelect } from "../../app/store.ts";
import { day } from "../../format/times.ts";
import { Dialog } from "../elements/Dialog.tsx";
import { useDeeds } from "../hooks/actions-context.ts";
import { Icon, IconButton } from "../elements/icons.tsx";

interface Found {
  readonly query: string;
  readonly threads: readonly Thread[];
  readonly messages: readonly SearchResult[];
  readonly problem: string | null;
}

const PAUSE = 160;

/** Titles and message texts, by keyboard: type, arrows, Enter. */
export function Search({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const { go } = useDeeds();
  const recent = useSelect((state) => state.list.threads);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const found = useFound(query.trim());
  const threads = query.trim() === "" ? recent.slice(0, 8) : (found?.threads ?? []);
  const messages = query.trim() === "" ? [] : (found?.messages ?? []);
  const count = threads.length + messages.length;

  const open = (index: number) => {
    const thread = threads[index];
    const message = messages[index - threads.length];
    const place: Place | null =
      thread !== undefined
        ? { threadId: thread.id, messageId: null }
        : message !== undefined
          ? { threadId: message.thread_id, messageId: message.message_id }
          : null;
    if (place === null) return;
    onClose();
    go(place);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, count - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") open(at);
    else return;
    event.preventDefault();
  };

  useEffect(() => {
    document.getElementById(`found-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const option = (index: number, body: JSX.Element) => (
    <div
      id={`found-${index}`}
      key={index}
      role="option"
      tabIndex={-1}
      aria-selected={index === at}
      class="found"
      onPointerMove={() => setAt(index)}
      onClick={() => open(index)}
      onKeyDown={onKeyDown}
    >
      {body}
    </div>
  );

  return (
    <Dialog label="Search" class="search" onClose={onClose}>
      <div class="search-field">
        <Icon name="search" />
        <input
          type="text"
          placeholder="Search titles and messages"
          aria-label="Search titles and messages"
          // biome-ignore lint/a11y/noRedundantRoles: without a datalist the element is a plain text field
          role="combobox"
          list={undefined}
          aria-expanded={count > 0}
          aria-controls="found"
          aria-activedescendant={count > 0 ? `found-${at}` : undefined}
          autocomplete="off"
          spellcheck={false}
          value={query}
          onInput={({ currentTarget }) => {
            setQuery(currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
        <IconButton icon="close" label="Close the search" class="search-close" onClick={onClose} />
      </div>
      <div id="found" role="listbox" aria-label="Results" class="found-list">
        <Group name={query.trim() === "" ? "Recent" : "Conversations"}>
          {threads.map((thread, index) => option(index, <ThreadLine thread={thread} />))}
        </Group>
        <Group name="Messages">
          {messages.map((message, index) => option(threads.length + index, <MessageLine result={message} />))}
        </Group>
      </div>
      <Nothing query={query.trim()} found={found} count={count} />
    </Dialog>
  );
}

function Group({
  name,
  children,
}: {
  readonly name: string;
  readonly children: readonly JSX.Element[];
}): JSX.Element | null {
  if (children.length === 0) return null;
  return (
    <div role="group" aria-label={name}>
      <div class="found-head" aria-hidden="true">
        {name}
      </div>
      {children}
    </div>
  );
}

function ThreadLine({ thread }: { readonly thread: Thread }): JSX.Element {
  return (
    <span class="found-title" dir="auto">
      {thread.title ?? "New conversation"}
    </span>
  );
}

function MessageLine({ result }: { readonly result: SearchResult }): JSX.Element {
  return (
    <>
      <span class="found-snippet" dir="auto">
        {result.snippet.map((piece, index) =>
          piece.match ? <mark key={index}>{piece.text}</mark> : piece.text,
        )}
      </span>
      <span class="found-where">
        <span dir="auto">{result.thread_title ?? "New conversation"}</span>
        <span>{result.role === "user" ? "You" : "Assistant"}</span>
        <span>{day(result.created_at, new Date())}</span>
      </span>
    </>
  );
}

function Nothing(props: {
  readonly query: string;
  readonly found: Found | null;
  readonly count: number;
}): JSX.Element | null {
  const { query, found, count } = props;
  if (query === "" || count > 0) return null;
  if (found === null || found.query !== query) return <p class="found-none">Searching</p>;
  return (
    <p class="found-none" role="status">
      {found.problem ?? `Nothing matches “${query}”.`}
    </p>
  );
}

/** What was found last; it stays on screen until the next answer is there. */
function useFound(query: string): Found | null {
  const { api } = useDeeds();
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    if (query === "") return;
    let wanted = true;
    const timer = setTimeout(async () => {
      const titles = api.threads({ archived: false, q: query }).then(({ threads }) => threads.slice(0, 6));
      const texts = api.search(query).then(({ results }) => results);
      const [threads, messages] = await Promise.allSettled([titles, texts]);
      if (!wanted) return;
      const failed =
        threads.status === "rejected" ? threads : messages.status === "rejected" ? messages : null;
      setFound({
        query,
        threads: threads.status === "fulfilled" ? threads.value : [],
        messages: messages.status === "fulfilled" ? messages.value : [],
        problem: failed === null ? null : reasonOf(failed.reason),
      });
    }, PAUSE);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [query, api]);
  return found;
}
