import { useEffect } from "preact/hooks";
import { useActions } from "../hooks/actions-context.ts";
import { mark, reveal } from "./find-marks.ts";

/** Marks a text in the rendered messages while the bar is open, also in rows that are rendered later, and shows `currentId`. */
export function useFindMarks(threadId: string, query: string, currentId: string | null): void {
  const { threads } = useActions();
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
    let frame: number | null = 0;
    const next = (step: () => void) => {
      if (frame !== null) frame = requestAnimationFrame(step);
    };
    // The list scrolls to the row when it is loaded. Two frames later the row is rendered and the list has settled.
    void threads.seek(threadId, currentId).then(() =>
      next(() =>
        next(() => {
          const list = messageList();
          if (list !== null) reveal(list, query, currentId);
        }),
      ),
    );
    return () => {
      cancelAnimationFrame(frame ?? 0);
      frame = null;
    };
  }, [threads, threadId, currentId]);
}

function messageList(): HTMLElement | null {
  return document.querySelector<HTMLElement>(".messages");
}
