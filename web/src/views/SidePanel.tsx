import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSelector } from "../app/store.ts";
import { ContextPanel } from "./context/ContextPanel.tsx";
import { Dialog } from "./elements/Dialog.tsx";
import { rememberFocus } from "./elements/focus.ts";
import { commandKey } from "./elements/keyboard.ts";
import { useActions } from "./hooks/actions-context.ts";
import { useMedia } from "./hooks/use-media.ts";
import { SummaryPanel } from "./summary/SummaryPanel.tsx";

/** As in layout.css: a window this wide has room for the summary beside the thread. */
const HAS_ROOM = "(min-width: 1180px)";

/** What is open beside the thread, if anything is. */
export function SidePanel(): JSX.Element | null {
  const { store } = useActions();
  const panel = useSelector((state) => state.panel);
  const threadId = useSelector((state) => state.location.threadId);
  const hasRoom = useMedia(HAS_ROOM);
  if (panel === null || threadId === null) return null;
  const close = () => store.dispatch({ type: "panel.changed", panel: null });
  if (panel.type === "context") {
    return (
      <Dialog label="Context" class="wide" onClose={close}>
        <ContextPanel key={panel.turnId} threadId={threadId} turnId={panel.turnId} onClose={close} />
      </Dialog>
    );
  }
  if (!hasRoom) {
    return (
      <Dialog label="Summary" class="sheet" onClose={close}>
        <SummaryPanel key={threadId} threadId={threadId} onClose={close} onFollow={close} />
      </Dialog>
    );
  }
  return <Aside key={threadId} threadId={threadId} onClose={close} />;
}

interface AsideProps {
  readonly threadId: string;
  readonly onClose: () => void;
}

function Aside({ threadId, onClose }: AsideProps): JSX.Element {
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    const restoreFocus = rememberFocus();
    frame.current?.focus({ preventScroll: true });
    return restoreFocus;
  }, []);
  return (
    <aside
      ref={frame}
      class="aside"
      tabIndex={-1}
      aria-label="Summary"
      onKeyDown={(event) => {
        if (commandKey(event) !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
      }}
    >
      <SummaryPanel threadId={threadId} onClose={onClose} />
    </aside>
  );
}
