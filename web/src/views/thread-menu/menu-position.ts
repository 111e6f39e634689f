// Where a menu goes: beside its button and inside the window. Pure; everything in pixels of the window.

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Between the menu and its button. */
const GAP = 4;
/** Between the menu and the edges of the window. */
const EDGE = 8;

/** Below the button if there is room, else above it, else as far inside as possible. `side` is the edge that menu and button share. */
export function menuPosition(
  button: Box,
  menu: Size,
  viewport: Size,
  side: "left" | "right",
): { readonly left: number; readonly top: number } {
  const preferred = side === "left" ? button.left : button.right - menu.width;
  const below = button.bottom + GAP;
  const above = button.top - GAP - menu.height;
  const fitsBelow = below + menu.height <= viewport.height - EDGE;
  return {
    left: within(preferred, viewport.width - menu.width - EDGE),
    top: fitsBelow || above < EDGE ? within(below, viewport.height - menu.height - EDGE) : above,
  };
}

function within(preferred: number, limit: number): number {
  return Math.max(EDGE, Math.min(preferred, limit));
}
