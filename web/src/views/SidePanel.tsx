import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useSelect } from "../app/store.ts";
import { Dialog } from "./elements/Dialog.tsx";
import { useDeeds } from "./hooks/actions-context.ts";
import { SummaryPanel } from "./summary/SummaryPanel.tsx";
import { Told } from "./context/ContextPanel.tsx";

/** As in layout.css: from here on the summary stands beside the thread, below that in front of it. */
const ROOMY = "(min-width: 1180px)";

/** What is open beside the thread, if anything is. */
export function SidePanel(): JSX.Element | null {
  const { store } = useDeeds();
  const panel = useSelect((state) => state.panel);
  const threadId = useSelect((state) => state.place.threadId);
  const roomy = useMedia(ROOMY);
  if (panel === null || threadId === null) return null;
  const close = () => store.dispatch({ type: "panel.changed", panel: null });
  if (panel.type === "told") {
    return (
      <Dialog label="What the model was told" class="wide" onClose={close}>
        <Told key={panel.turnId} threadId={threadId} turnId={panel.turnId} onClose={close} />
      </Dialog>
    );
  }
  if (!roomy) {
    return (
      <Dialog label="Summary" class="sheet" onClose={close}>
        <SummaryPanel key={threadId} threadId={threadId} onClose={close} onFollow={close} />
      </Dialog>
    );
  }
  return <Aside key={threadId} threadId={threadId} onClose={close} />;
}

function Aside({
  threadId,
  onClose,
}: {
  readonly threadId: string;
  readonly onClose: () => void;
}): JSX.Element {
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    frame.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <aside
      ref={frame}
      class="aside"
      tabIndex={-1}
      aria-label="Summary"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
      }}
    >
      <SummaryPanel threadId={threadId} onClose={onClose} />
    </aside>
  );
}

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const look = () => setMatches(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, [query]);
  return matches;
}
