import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** Makes a text field as high as its text, up to `limit` pixels. */
export function useAutoHeight(
  field: RefObject<HTMLTextAreaElement | null>,
  text: string,
  { border = 0, limit = () => Number.POSITIVE_INFINITY }: { border?: number; limit?: () => number } = {},
): void {
  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${Math.min(current.scrollHeight + border, limit())}px`;
  }, [text]);
}
