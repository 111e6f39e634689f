/** Remembers the focused element; the returned function gives it the focus again. */
export function rememberFocus(): () => void {
  const before = document.activeElement;
  return () => {
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  };
}
