import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { shortDate } from "../../format/times.ts";
import type { PageLocation } from "../../state/state.ts";
import type { SearchResult, Thread } from "../../transport/protocol.ts";
import { Dialog } from "../elements/Dialog.tsx";
import { Icon, IconButton } from "../elements/icons.tsx";
import { commandKey } from "../elements/keyboard.ts";
import { useActions } from "../hooks/actions-context.ts";
import { type SearchResults, useSearch } from "./use-search.ts";

const MAX_RECENT = 8;

/** Searches titles and messages. Arrow keys select a result, Enter opens it. */
export function SearchDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const { navigate } = useActions();
  const [text, setText] = useState("");
  const query = text.trim();
  const { results, threads, messages } = useResults(query);
  const locations = [...threads.map(threadLocation), ...messages.map(messageLocation)];

  const open = (index: number) => {
    const location = locations[index];
    if (location === undefined) return;
    onClose();
    navigate(location);
  };

  const { selected, setSelected, onKeyDown } = useSelection(locations.length, open);

  const option = (index: number, content: JSX.Element) => (
    <Option
      key={index}
      index={index}
      selected={index === selected}
      onSelect={() => setSelected(index)}
      onOpen={() => open(index)}
      onKeyDown={onKeyDown}
    >
      {content}
    </Option>
  );

  return (
    <Dialog label="Search" class="search" onClose={onClose}>
      <div class="search-field">
        <Icon name="search" />
        <SearchInput
          text={text}
          activeResult={locations.length > 0 ? `result-${selected}` : undefined}
          onInput={(value) => {
            setText(value);
            setSelected(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
        <IconButton icon="close" label="Close the search" class="search-close" onClick={onClose} />
      </div>
      <div id="results" role="listbox" aria-label="Results" class="result-list">
        <Group name={query === "" ? "Recent" : "Conversations"}>
          {threads.map((thread, index) => option(index, <ThreadResult thread={thread} />))}
        </Group>
        <Group name="Messages">
          {messages.map((message, index) =>
            option(threads.length + index, <MessageResult result={message} />),
          )}
        </Group>
      </div>
      {query !== "" && locations.length === 0 && <NoResults query={query} results={results} />}
    </Dialog>
  );
}

/** The results to show: recent conversations while nothing is typed. */
function useResults(query: string) {
  const recent = useSelector((state) => state.list.threads);
  const results = useSearch(query);
  if (query === "") return { results, threads: recent.slice(0, MAX_RECENT), messages: [] };
  return { results, threads: results?.threads ?? [], messages: results?.messages ?? [] };
}

/** The selected result, and the keys that change and open it. */
function useSelection(count: number, open: (index: number) => void) {
  const [selected, setSelected] = useState(0);
  useEffect(() => {
    document.getElementById(`result-${selected}`)?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  const onKeyDown = (event: KeyboardEvent) => {
    const key = commandKey(event);
    if (key === "ArrowDown") setSelected(Math.min(selected + 1, count - 1));
    else if (key === "ArrowUp") setSelected(Math.max(selected - 1, 0));
    else if (key === "Enter") open(selected);
    else return;
    event.preventDefault();
  };
  return { selected, setSelected, onKeyDown };
}

function threadLocation({ id }: Thread): PageLocation {
  return { threadId: id, messageId: null };
}

function messageLocation({ thread_id, message_id }: SearchResult): PageLocation {
  return { threadId: thread_id, messageId: message_id };
}

interface InputProps {
  readonly text: string;
  /** The id of the selected result. */
  readonly activeResult: string | undefined;
  readonly onInput: (text: string) => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

function SearchInput({ text, activeResult, onInput, onKeyDown }: InputProps): JSX.Element {
  return (
    <input
      type="text"
      placeholder="Search titles and messages"
      aria-label="Search titles and messages"
      // Without a datalist, the element is a plain text field.
      role="combobox"
      list={undefined}
      aria-expanded={activeResult !== undefined}
      aria-controls="results"
      aria-activedescendant={activeResult}
      autocomplete="off"
      spellcheck={false}
      value={text}
      onInput={({ currentTarget }) => onInput(currentTarget.value)}
      onKeyDown={onKeyDown}
    />
  );
}

interface OptionProps {
  readonly index: number;
  readonly selected: boolean;
  readonly onSelect: () => void;
  readonly onOpen: () => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly children: JSX.Element;
}

function Option({ index, selected, onSelect, onOpen, onKeyDown, children }: OptionProps): JSX.Element {
  return (
    <div
      id={`result-${index}`}
      role="option"
      tabIndex={-1}
      aria-selected={selected}
      class="result"
      onPointerMove={onSelect}
      onClick={onOpen}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>
  );
}

interface GroupProps {
  readonly name: string;
  readonly children: readonly JSX.Element[];
}

function Group({ name, children }: GroupProps): JSX.Element | null {
  if (children.length === 0) return null;
  return (
    <div role="group" aria-label={name}>
      <div class="result-head" aria-hidden="true">
        {name}
      </div>
      {children}
    </div>
  );
}

function ThreadResult({ thread }: { readonly thread: Thread }): JSX.Element {
  return (
    <span class="result-title" dir="auto">
      {thread.title ?? "New conversation"}
    </span>
  );
}

function MessageResult({ result }: { readonly result: SearchResult }): JSX.Element {
  return (
    <>
      <span class="result-snippet" dir="auto">
        {result.snippet.map((piece, index) =>
          piece.match ? <mark key={index}>{piece.text}</mark> : piece.text,
        )}
      </span>
      <span class="result-source">
        <span dir="auto">{result.thread_title ?? "New conversation"}</span>
        <span>{result.role === "user" ? "You" : "Assistant"}</span>
        <span>{shortDate(result.created_at, new Date())}</span>
      </span>
    </>
  );
}

interface NoResultsProps {
  readonly query: string;
  readonly results: SearchResults | null;
}

function NoResults({ query, results }: NoResultsProps): JSX.Element {
  if (results?.query !== query) return <p class="no-results">Searching</p>;
  return (
    <p class="no-results" role="status">
      {results.problem ?? `Nothing matches “${query}”.`}
    </p>
  );
}
