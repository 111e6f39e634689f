import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { copy } from "../../app/clipboard.ts";
import type { Painter } from "../../markdown/paint.ts";
import { useDeeds } from "../hooks/actions-context.ts";

/** Painting may take this share of the time; a costly tail is painted less often instead of slowing the page. */
const SHARE = 0.25;

/** Markdown on the page. While `open`, the text is still growing. */
export function Prose({ text, open }: { readonly text: string; readonly open: boolean }): JSX.Element {
  const { painter, onFinery } = useDeeds();
  const target = useRef<HTMLDivElement>(null);
  const painting = useRef<{ painter: Painter; restUntil: number; timer: number } | null>(null);
  const latest = useRef({ text, open });
  latest.current = { text, open };

  useLayoutEffect(() => {
    if (target.current === null) return;
    painting.current ??= { painter: painter(target.current), restUntil: 0, timer: 0 };
    const { current } = painting;
    const paint = () => {
      const began = performance.now();
      current.painter.paint(latest.current.text, latest.current.open);
      if (!latest.current.open && target.current !== null) letScroll(target.current);
      const ended = performance.now();
      current.restUntil = ended + (ended - began) * (1 / SHARE - 1) - 16;
    };
    clearTimeout(current.timer);
    const wait = open ? current.restUntil - performance.now() : 0;
    if (wait > 0) current.timer = window.setTimeout(paint, wait);
    else paint();
  }, [text, open, painter]);

  useEffect(() => {
    target.current?.addEventListener("click", copyCode);
    onFinery(() => {
      const { current } = painting;
      if (target.current === null || current === null || target.current.querySelector("code[class]") === null)
        return;
      current.painter = painter(target.current);
      current.painter.paint(latest.current.text, latest.current.open);
      letScroll(target.current);
    });
    return () => clearTimeout(painting.current?.timer);
  }, [onFinery, painter]);

  return <div class="prose" dir="auto" ref={target} />;
}

/** What is wider than the page scrolls inside itself, also by keyboard; what fits is no stop on the way of the Tab key. */
function letScroll(prose: HTMLElement): void {
  for (const frame of prose.querySelectorAll<HTMLElement>(".table-frame, .maths-frame")) {
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
