import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useSelector } from "../app/store.ts";
import type { State } from "../state/state.ts";
import { ConversationView } from "./conversation/ConversationView.tsx";
import { commandKey, isShortcut } from "./elements/keyboard.ts";
import { useActions } from "./hooks/actions-context.ts";
import { SearchDialog } from "./search/SearchDialog.tsx";
import { Sidebar } from "./sidebar/Sidebar.tsx";
import { SidePanel } from "./SidePanel.tsx";
import { TokenForm } from "./TokenForm.tsx";

/** As in layout.css: below this the list is a drawer over the conversation. */
const IS_NARROW = "(max-width: 820px)";

export function App(): JSX.Element {
  const { storage } = useActions();
  const access = useSelector((state) => state.access);
  const location = useSelector((state) => state.location);
  const announcement = useSelector((state) => state.announcement);
  const hasSummary = useSelector((state) => state.panel?.type === "summary");
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  const [isListShown, setListShown] = useState(storage.read("list") !== "hidden");
  const [isSearching, setSearching] = useState(false);

  useEffect(() => setDrawerOpen(false), [location]);
  useDrawerFocus(isDrawerOpen);
  useShortcuts(isDrawerOpen, () => setDrawerOpen(false), setSearching);

  const toggleList = () => {
    if (matchMedia(IS_NARROW).matches) {
      setDrawerOpen(!isDrawerOpen);
      return;
    }
    storage.write("list", isListShown ? "hidden" : null);
    setListShown(!isListShown);
  };

  if (access !== "open") return <TokenForm refused={access === "refused"} />;
  return (
    <div
      class={`app ${isListShown ? "" : "list-hidden"} ${isDrawerOpen ? "drawer-open" : ""} ${hasSummary ? "with-summary" : ""}`}
    >
      <a class="skip-link" href="#composer">
        Skip to the message field
      </a>
      <Sidebar onSearch={() => setSearching(true)} onHide={toggleList} />
      {isDrawerOpen && (
        <button
          type="button"
          class="drawer-backdrop"
          aria-label="Close the list"
          onClick={() => setDrawerOpen(false)}
        />
      )}
      <ConversationView onList={toggleList} covered={isDrawerOpen} />
      <SidePanel />
      {isSearching && <SearchDialog onClose={() => setSearching(false)} />}
      <div class="visually-hidden" role="status" aria-live="polite">
        {announcement}
      </div>
    </div>
  );
}

/** Moves the focus into the drawer, and back to its button unless the focus has gone elsewhere. */
function useDrawerFocus(isOpen: boolean): void {
  const wasOpen = useRef(false);
  useEffect(() => {
    const focused = document.activeElement;
    if (isOpen) document.querySelector<HTMLElement>(".sidebar-head .icon-button")?.focus();
    else if (
      wasOpen.current &&
      (focused === null ||
        focused === document.body ||
        focused.closest(".sidebar, .drawer-backdrop") !== null)
    )
      document.querySelector<HTMLElement>(".list-toggle")?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
}

/** Whether the open conversation has messages that are not loaded, and would be missing on paper. */
function isPartlyLoaded({ location, conversations }: State): boolean {
  return location.threadId !== null && conversations[location.threadId]?.hasMore === true;
}

/** Ctrl+K or ⌘K toggles the search; Ctrl+P prints; Escape closes the drawer or stops the answer. */
function useShortcuts(
  isDrawerOpen: boolean,
  closeDrawer: () => void,
  setSearching: (change: (isSearching: boolean) => boolean) => void,
): void {
  const { turns, threads, store } = useActions();
  // A layout effect runs before the first paint: a key works as soon as the page can be seen.
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (isShortcut(event, "k")) {
        event.preventDefault();
        setSearching((isSearching) => !isSearching);
      } else if (isShortcut(event, "p") && isPartlyLoaded(store.state)) {
        event.preventDefault();
        void threads.print(store.state.location.threadId ?? "");
      } else if (
        commandKey(event) === "Escape" &&
        !event.defaultPrevented &&
        document.querySelector("dialog[open]") === null
      ) {
        if (isDrawerOpen) closeDrawer();
        else if (store.state.location.threadId !== null) void turns.stop(store.state.location.threadId);
      }
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [isDrawerOpen, turns, threads, store]);
}
