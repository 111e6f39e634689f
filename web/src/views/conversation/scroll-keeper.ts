// The scroll rules of the message list:
//   - at its end, the list follows new text; scrolling up stops that, scrolling back to the end starts it again
//   - otherwise the first visible row is the anchor: it stays in place when rows above it load, grow or are measured
//   - only rows near the viewport are rendered

import { estimateHeight, rowAt, topsOf, type Window, windowOf } from "./list-window.ts";

export interface Row {
  readonly key: string;
  readonly length: number;
  readonly lines: number;
}

interface Anchor {
  readonly key: string;
  /** Pixels from the top of the viewport to the top of the row. */
  readonly offset: number;
}

/** The list is at its end within this many pixels. */
const BOTTOM = 24;

export class ScrollKeeper {
  following = true;
  private anchor: Anchor | null = null;
  private lastTop = 0;
  private readonly heights = new Map<string, number>();
  private rows: readonly Row[] = [];
  private tops: Float64Array = new Float64Array(1);

  /** The rows to render now. */
  plan(rows: readonly Row[], viewport: number): Window {
    this.rows = rows;
    this.tops = topsOf(rows.map((row) => this.heights.get(row.key) ?? estimateHeight(row.length, row.lines)));
    const total = this.tops[rows.length] ?? 0;
    // Rendered above and below the viewport, in pixels.
    const spare = Math.max(600, viewport);
    if (this.following || this.anchor === null) return windowOf(this.tops, total - viewport, viewport, spare);
    const { key, offset } = this.anchor;
    const index = rows.findIndex((row) => row.key === key);
    const top = index < 0 ? this.lastTop : (this.tops[index] ?? 0) - offset;
    return windowOf(this.tops, top, viewport, spare);
  }

  /** Measures the rendered rows and restores the scroll position. True if a height changed. */
  settle(scroller: HTMLElement): boolean {
    let changed = false;
    for (const element of scroller.querySelectorAll<HTMLElement>("[data-row]")) {
      const key = element.dataset["row"] ?? "";
      const height = element.getBoundingClientRect().height;
      if (Math.abs((this.heights.get(key) ?? -1) - height) > 0.5) {
        this.heights.set(key, height);
        changed = true;
      }
    }
    if (this.following) {
      scroller.scrollTop = scroller.scrollHeight;
    } else if (this.anchor !== null) {
      const element = rowElement(scroller, this.anchor.key);
      if (element !== null) {
        const offset = element.offsetTop - scroller.scrollTop;
        if (Math.abs(offset - this.anchor.offset) > 0.5) scroller.scrollTop += offset - this.anchor.offset;
      }
    }
    this.lastTop = scroller.scrollTop;
    return changed;
  }

  /** Updates the anchor after the reader scrolled. */
  scrolled(scroller: HTMLElement): void {
    const { scrollTop, scrollHeight, clientHeight } = scroller;
    const left = scrollHeight - clientHeight - scrollTop;
    if (scrollTop < this.lastTop - 1) this.following = left < 2;
    else if (left < BOTTOM) this.following = true;
    this.lastTop = scrollTop;
    this.anchor = this.anchorAt(scroller);
  }

  follow(): void {
    this.following = true;
  }

  /** Puts a row near the top of the viewport at the next `settle`. */
  goTo(key: string, offset = 96): void {
    this.following = false;
    this.anchor = { key, offset };
  }

  reset(): void {
    this.following = true;
    this.anchor = null;
    this.lastTop = 0;
  }

  private anchorAt(scroller: HTMLElement): Anchor | null {
    for (const element of scroller.querySelectorAll<HTMLElement>("[data-row]")) {
      if (
        element.offsetTop + element.offsetHeight > scroller.scrollTop &&
        element.offsetTop < scroller.scrollTop + scroller.clientHeight
      )
        return { key: element.dataset["row"] ?? "", offset: element.offsetTop - scroller.scrollTop };
    }
    // The scroll bar was dragged past all rendered rows.
    const index = rowAt(this.tops, scroller.scrollTop);
    const row = this.rows[index];
    return row === undefined ? null : { key: row.key, offset: (this.tops[index] ?? 0) - scroller.scrollTop };
  }
}

function rowElement(scroller: HTMLElement, key: string): HTMLElement | null {
  return scroller.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`);
}
