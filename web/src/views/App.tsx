import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useSelect } from "../app/store.ts";
import { ConversationView } from "./conversation/ConversationView.tsx";
import { useDeeds } from "./hooks/actions-context.ts";
import { Search } from "./search/SearchDialog.tsx";
import { Sidebar } from "./sidebar/Sidebar.tsx";
import { SidePanel } from "./SidePanel.tsx";
import { TokenForm } from "./TokenForm.tsx";

const NARROW = "(max-width: 820px)";

export function App(): JSX.Element {
  const { memory, turns, store } = useDeeds();
  const access = useSelect((state) => state.access);
  const place = useSelect((state) => state.place);
  const announcement = useSelect((state) => state.announcement);
  const panel = useSelect((state) => state.panel);
  const [drawer, setDrawer] = useState(false);
  const [wide, setWide] = useState(memory.read("list") !== "hidden");
  const [searching, setSearching] = useState(false);

  useEffect(() => setDrawer(false), [place]);

  const drawn = useRef(false);
  useEffect(() => {
    // The focus goes along into the drawer, and back to what opened it unless it has gone elsewhere.
    const at = document.activeElement;
    if (drawer) document.querySelector<HTMLElement>(".sidebar-head .icon-button")?.focus();
    else if (drawn.current && (at === null || at === document.body || at.closest(".sidebar, .veil") !== null))
      document.querySelector<HTMLElement>(".list-toggle")?.focus();
    drawn.current = drawer;
  }, [drawer]);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (
        (event.metaKey || event.ctrlKey) &&
        !event.shiftKey &&
        !event.altKey &&
        event.key.toLowerCase() === "k"
      ) {
        event.preventDefault();
        setSearching((shown) => !shown);
      } else if (
        event.key === "Escape" &&
        !event.defaultPrevented &&
        document.querySelector("dialog[open]") === null
      ) {
        if (drawer) setDrawer(false);
        else if (store.state.place.threadId !== null) void turns.stop(store.state.place.threadId);
      }
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [drawer, turns, store]);

  const toggleList = () => {
    if (matchMedia(NARROW).matches) {
      setDrawer(!drawer);
      return;
    }
    memory.write("list", wide ? "hidden" : null);
    setWide(!wide);
  };

  if (access !== "open") return <TokenForm refused={access === "refused"} />;
  return (
    <div
      class={`app ${wide ? "" : "list-hidden"} ${drawer ? "drawer-open" : ""} ${panel?.type === "summary" ? "with-summary" : ""}`}
    >
      <a class="skip" href="#composer">
        Skip to the message field
      </a>
      <Sidebar onSearch={() => setSearching(true)} onHide={toggleList} />
      {drawer && (
        <button type="button" class="veil" aria-label="Close the list" onClick={() => setDrawer(false)} />
      )}
      <ConversationView onList={toggleList} covered={drawer} />
      <SidePanel />
      {searching && <Search onClose={() => setSearching(false)} />}
      <div class="visually-hidden" role="status" aria-live="polite">
        {announcement}
      </div>
    </div>
  );
}
