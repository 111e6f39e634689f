import type { JSX } from "preact";

/** Gray lines in place of text that is loading. The style sheet sets their widths. */
export function Skeleton({ lines, label }: { readonly lines: number; readonly label: string }): JSX.Element {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="skeleton-line" />
      ))}
    </div>
  );
}
