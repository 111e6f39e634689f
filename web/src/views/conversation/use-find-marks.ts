import { useEffect } from "preact/hooks";
import { mark, reveal } from "./find-marks.ts";

/** Marks a text in the rendered messages while the bar is open, also in rows that are rendered later, and shows `currentId`. */
export function useFindMarks(query: string, currentId: string | null): void {
  useEffect(() => {
    const list = messageList();
    let frame = 0;
    const refresh = () => {
      frame = 0;
      mark(list, query, currentId);
    };
    const observer = new MutationObserver(() => {
      frame ||= requestAnimationFrame(refresh);
    });
    refresh();
    if (list !== null) observer.observe(list, { childList: true, characterData: true, subtree: true });
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame);
      mark(null, "", null);
    };
  }, [query, currentId]);

  useEffect(() => {
    if (currentId === null) return;
    // Two frames later its row is rendered and the list has settled.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => {
        const list = messageList();
        if (list !== null) reveal(list, query, currentId);
      });
    });
    return () => cancelAnimationFrame(frame);
  }, [currentId]);
}

function messageList(): HTMLElement | null {
  return document.querySelector<HTMLElement>(".messages");
}
