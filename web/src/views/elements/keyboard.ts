/**
 * Whether a key sends: Enter, but not with Shift, not while an input method composes, and not on touch keyboards, which
 * have no Shift+Enter.
 */
export function isSendKey(event: KeyboardEvent): boolean {
  // Safari reports the Enter that ends a composition with key code 229 and isComposing false.
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return false;
  if (event.metaKey || event.ctrlKey) return true;
  return !event.shiftKey && !event.altKey && !matchMedia("(hover: none) and (pointer: coarse)").matches;
}

export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);
export const searchKeys = isApple ? "⌘K" : "Ctrl K";

/** Whether a click on a link is meant for the browser, which opens a new tab or window. */
export function opensNewTab(event: MouseEvent): boolean {
  return event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}
