// A pop-up menu beside its button: its position, what closes it, and its keys.

import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { commandKey } from "../elements/keyboard.ts";
import { menuPosition } from "./menu-position.ts";

const ITEMS = "[role^=menuitem]";

/** `frame` holds the button and, while it is open, the menu. */
export function useMenu(
  frame: RefObject<HTMLDivElement | null>,
  isOpen: boolean,
  side: "left" | "right",
  onClose: () => void,
): void {
  useLayoutEffect(() => {
    const button = frame.current?.querySelector("button");
    const menu = frame.current?.querySelector<HTMLElement>("[role=menu]");
    if (!isOpen || button == null || menu == null) return;
    const position = menuPosition(
      button.getBoundingClientRect(),
      { width: menu.offsetWidth, height: menu.offsetHeight },
      { width: document.documentElement.clientWidth, height: window.innerHeight },
      side,
    );
    menu.style.left = `${position.left}px`;
    menu.style.top = `${position.top}px`;
    menu.querySelector<HTMLElement>(ITEMS)?.focus({ preventScroll: true });
  }, [isOpen, side]);

  // A layout effect runs before the next key, which may follow at once.
  useLayoutEffect(() => {
    if (!isOpen) return;
    const { current } = frame;
    // The menu has a fixed position, so it also closes when something scrolls under it.
    const closeFromOutside = (event: Event) => {
      if (!(event.target instanceof Node && current?.contains(event.target))) onClose();
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (handleMenuKey(event, current)) onClose();
    };
    current?.addEventListener("keydown", onKeyDown);
    document.addEventListener("scroll", closeFromOutside, true);
    window.addEventListener("resize", closeFromOutside);
    document.addEventListener("pointerdown", closeFromOutside);
    document.addEventListener("focusin", closeFromOutside);
    return () => {
      current?.removeEventListener("keydown", onKeyDown);
      document.removeEventListener("scroll", closeFromOutside, true);
      window.removeEventListener("resize", closeFromOutside);
      document.removeEventListener("pointerdown", closeFromOutside);
      document.removeEventListener("focusin", closeFromOutside);
    };
  }, [isOpen]);
}

/** Arrow keys move, Home and End jump, Escape closes. True when the menu should close. */
function handleMenuKey(event: KeyboardEvent, frame: HTMLElement | null): boolean {
  const key = commandKey(event);
  const items = [...(frame?.querySelectorAll<HTMLElement>(ITEMS) ?? [])];
  const index = items.indexOf(document.activeElement as HTMLElement);
  if (key === "ArrowDown") items[(index + 1) % items.length]?.focus();
  else if (key === "ArrowUp") items[(index - 1 + items.length) % items.length]?.focus();
  else if (key === "Home") items[0]?.focus();
  else if (key === "End") items.at(-1)?.focus();
  else if (key === "Escape") frame?.querySelector<HTMLElement>("button")?.focus();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return key === "Escape";
}
