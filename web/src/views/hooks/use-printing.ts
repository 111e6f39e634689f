import { options } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Whether the page is being printed. The browser prints right after the event, so the views render at once. */
export function usePrinting(): boolean {
  const [isPrinting, setPrinting] = useState(false);
  useLayoutEffect(() => {
    const change = (next: boolean) => () => atOnce(() => setPrinting(next));
    const begin = change(true);
    const end = change(false);
    addEventListener("beforeprint", begin);
    addEventListener("afterprint", end);
    return () => {
      removeEventListener("beforeprint", begin);
      removeEventListener("afterprint", end);
    };
  }, []);
  return isPrinting;
}

/** Renders before it returns, and not in the next task. */
function atOnce(update: () => void): void {
  options.debounceRendering = (render) => render();
  update();
  delete options.debounceRendering;
}
