import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Thread } from "../../transport/protocol.ts";
import { useSelect } from "../../app/store.ts";
import { DeleteDialog, RenameDialog } from "../elements/Dialog.tsx";
import { useDeeds } from "../hooks/actions-context.ts";
import { Icon, IconButton, type IconName } from "../elements/icons.tsx";
import { placeMenu } from "./menu-position.ts";

/** What the thread has when no tier is pinned. */
const AUTOMATIC = { tier: "auto", label: "the best fit" };

/** Rename, archive, pin a model, delete; and the summary of the thread on screen. */
export function ThreadMenu({
  thread,
  side,
}: {
  readonly thread: Thread;
  /** The edge that the open menu shares with its button. */
  readonly side: "left" | "right";
}): JSX.Element {
  const { threads, summaries } = useDeeds();
  const here = useSelect((state) => state.place.threadId === thread.id);
  const [open, setOpen] = useState(false);
  const [asking, setAsking] = useState<"rename" | "delete" | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const title = thread.title ?? "New conversation";
  const models = useSelect((state) => state.info?.models) ?? [];
  const pinned = thread.tier ?? AUTOMATIC.tier;

  useLayoutEffect(() => {
    const button = frame.current?.querySelector("button");
    const menu = frame.current?.querySelector<HTMLElement>("[role=menu]");
    if (!open || button == null || menu == null) return;
    const place = placeMenu(
      button.getBoundingClientRect(),
      { width: menu.offsetWidth, height: menu.offsetHeight },
      { width: document.documentElement.clientWidth, height: window.innerHeight },
      side,
    );
    menu.style.left = `${place.left}px`;
    menu.style.top = `${place.top}px`;
    menu.querySelector<HTMLElement>(ITEMS)?.focus({ preventScroll: true });
  }, [open, side]);

  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      if (!(event.target instanceof Node && frame.current?.contains(event.target))) setOpen(false);
    };
    const { current } = frame;
    const keys = (event: KeyboardEvent) => {
      if (menuKey(event, current)) setOpen(false);
    };
    // The menu stands still while what is under it moves away: then it closes.
    const leave = (event: Event) => {
      if (!(event.target instanceof Node && current?.contains(event.target))) setOpen(false);
    };
    current?.addEventListener("keydown", keys);
    document.addEventListener("scroll", leave, true);
    window.addEventListener("resize", leave);
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    return () => {
      current?.removeEventListener("keydown", keys);
      document.removeEventListener("scroll", leave, true);
      window.removeEventListener("resize", leave);
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
    };
  }, [open]);

  const item = (icon: IconName, label: string, act: () => void, { danger = false, checked }: Look = {}) => (
    <button
      key={label}
      type="button"
      role={checked === undefined ? "menuitem" : "menuitemradio"}
      aria-checked={checked}
      tabIndex={-1}
      class={danger ? "menu-item danger" : "menu-item"}
      onClick={() => {
        setOpen(false);
        act();
      }}
    >
      <Icon name={icon} />
      {label}
    </button>
  );

  return (
    <div class={`thread-menu ${open ? "open" : ""}`} ref={frame}>
      <IconButton icon="more" label={`More for ${title}`} expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <div class="menu" role="menu" aria-label={title}>
          {item("edit", "Rename", () => setAsking("rename"))}
          {item(
            "archive",
            thread.archived ? "Take out of the archive" : "Archive",
            () => void threads.change(thread.id, { archived: !thread.archived }),
          )}
          {models.length > 1 &&
            [AUTOMATIC, ...models].map(({ tier, label }) =>
              item(
                tier === pinned ? "check" : "pin",
                `Answer with ${label}`,
                () => {
                  if (tier !== pinned) void threads.change(thread.id, { tier });
                },
                { checked: tier === pinned },
              ),
            )}
          {here && item("lines", "Show the summary", () => void summaries.show(thread.id))}
          {here && item("fold", "Summarise older messages", () => void summaries.fold(thread.id))}
          {item("trash", "Delete", () => setAsking("delete"), { danger: true })}
        </div>
      )}
      {asking === "rename" && (
        <RenameDialog
          title={thread.title ?? ""}
          onClose={() => setAsking(null)}
          onRename={(changed) => {
            setAsking(null);
            void threads.change(thread.id, { title: changed });
          }}
        />
      )}
      {asking === "delete" && (
        <DeleteDialog
          title={title}
          onClose={() => setAsking(null)}
          onDelete={() => {
            setAsking(null);
            void threads.remove(thread.id);
          }}
        />
      )}
    </div>
  );
}

interface Look {
  readonly danger?: boolean;
  /** Of a choice among several: whether it is the one made. */
  readonly checked?: boolean;
}

const ITEMS = "[role^=menuitem]";

/** Arrows move, Home and End jump, Escape closes. True when the menu shall close. */
function menuKey(event: KeyboardEvent, frame: HTMLElement | null): boolean {
  const items = [...(frame?.querySelectorAll<HTMLElement>(ITEMS) ?? [])];
  const at = items.indexOf(document.activeElement as HTMLElement);
  if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
  else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
  else if (event.key === "Home") items[0]?.focus();
  else if (event.key === "End") items.at(-1)?.focus();
  else if (event.key === "Escape") frame?.querySelector<HTMLElement>("button")?.focus();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return event.key === "Escape";
}
