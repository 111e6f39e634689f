// Reads keys. Every key handler of the page gets its key from `commandKey`, and no other file reads `event.key`.

/** The key as a command of the page; null while an input method composes, because then the key belongs to that. */
export function commandKey(event: KeyboardEvent): string | null {
  // Safari ends a composition before it reports the key that ended it: then only the key code 229 tells.
  return event.isComposing || event.keyCode === 229 ? null : event.key;
}

/** Whether a key sends: Enter, but not with Shift, and not on touch keyboards, which have no Shift+Enter. */
export function isSendKey(event: KeyboardEvent): boolean {
  if (commandKey(event) !== "Enter") return false;
  if (event.metaKey || event.ctrlKey) return true;
  return !event.shiftKey && !event.altKey && !matchMedia("(hover: none) and (pointer: coarse)").matches;
}

/** Whether the key is this letter with Ctrl or ⌘ and no other modifier. */
export function isShortcut(event: KeyboardEvent, letter: string): boolean {
  const hasModifier = (event.metaKey || event.ctrlKey) && !event.shiftKey && !event.altKey;
  return hasModifier && commandKey(event)?.toLowerCase() === letter;
}

export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);
export const searchKeys = isApple ? "⌘K" : "Ctrl K";

/** Whether a click on a link is meant for the browser, which opens a new tab or window. */
export function opensNewTab(event: MouseEvent): boolean {
  return event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}
