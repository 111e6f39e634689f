import type { JSX } from "preact";

/** Grey lines where text will be; their widths come from the style sheet. */
export function Skeleton({ lines, label }: { readonly lines: number; readonly label: string }): JSX.Element {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="skeleton-line" />
      ))}
    </div>
  );
}
