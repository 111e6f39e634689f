import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { copy } from "../../app/clipboard.ts";
import { followFootnote } from "../../markdown/footnote-links.ts";
import type { Painter } from "../../markdown/paint.ts";
import { useActions } from "../hooks/actions-context.ts";

/** The share of time that painting may take. Where one painting takes long, the next one comes later. */
const MAX_SHARE = 0.25;

/** Shows Markdown. While `open`, the text still grows. */
export function Markdown({ text, open }: { readonly text: string; readonly open: boolean }): JSX.Element {
  const { painter, onRendererReady } = useActions();
  const target = useRef<HTMLDivElement>(null);
  const painting = useRef<{ painter: Painter; pauseUntil: number; timer: number } | null>(null);
  const latest = useRef({ text, open });
  latest.current = { text, open };

  useLayoutEffect(() => {
    if (target.current === null) return;
    painting.current ??= { painter: painter(target.current), pauseUntil: 0, timer: 0 };
    const { current } = painting;
    const paint = () => {
      const began = performance.now();
      current.painter.paint(latest.current.text, latest.current.open);
      if (!latest.current.open && target.current !== null) makeScrollable(target.current);
      const ended = performance.now();
      current.pauseUntil = ended + (ended - began) * (1 / MAX_SHARE - 1) - 16;
    };
    clearTimeout(current.timer);
    const wait = open ? current.pauseUntil - performance.now() : 0;
    if (wait > 0) current.timer = window.setTimeout(paint, wait);
    else paint();
  }, [text, open, painter]);

  useEffect(() => {
    target.current?.addEventListener("click", copyCode);
    target.current?.addEventListener("click", followFootnote);
    onRendererReady(() => {
      const { current } = painting;
      if (target.current === null || current === null || target.current.querySelector("code[class]") === null)
        return;
      current.painter = painter(target.current);
      current.painter.paint(latest.current.text, latest.current.open);
      makeScrollable(target.current);
    });
    return () => clearTimeout(painting.current?.timer);
  }, [onRendererReady, painter]);

  return <div class="markdown" ref={target} />;
}

/** Makes tables and formulas that are wider than the page scroll by keyboard. Those that fit are no stop for the Tab key. */
function makeScrollable(target: HTMLElement): void {
  for (const frame of target.querySelectorAll<HTMLElement>(".table-frame, .math-frame")) {
    if (frame.scrollWidth <= frame.clientWidth) continue;
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", frame.classList.contains("table-frame") ? "Table" : "Formula");
  }
}

async function copyCode({ target }: Event): Promise<void> {
  const button = target instanceof Element ? target.closest<HTMLButtonElement>("button.code-copy") : null;
  const code = button?.closest(".code-frame")?.querySelector("code")?.textContent;
  if (button === null || typeof code !== "string") return;
  button.textContent = (await copy(code)) ? "Copied" : "Copy failed";
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1600);
}
