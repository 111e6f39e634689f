// Where a menu stands: beside its button, inside the window. Pure; everything in pixels of the window.

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

/** Between the menu and its button, and between the menu and the edges of the window. */
const GAP = 4;
const EDGE = 8;

/** Below the button if there is room, else above it, else wherever most of it shows. `side` is the edge it shares with the button. */
export function placeMenu(
  button: Box,
  menu: Size,
  viewport: Size,
  side: "left" | "right",
): { readonly left: number; readonly top: number } {
  const wished = side === "left" ? button.left : button.right - menu.width;
  const below = button.bottom + GAP;
  const above = button.top - GAP - menu.height;
  const fitsBelow = below + menu.height <= viewport.height - EDGE;
  return {
    left: within(wished, viewport.width - menu.width - EDGE),
    top: fitsBelow || above < EDGE ? within(below, viewport.height - menu.height - EDGE) : above,
  };
}

function within(wished: number, most: number): number {
  return Math.max(EDGE, Math.min(wished, most));
}
