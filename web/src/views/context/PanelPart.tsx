import type { ComponentChildren, JSX } from "preact";

interface PartProps {
  readonly title: string;
  readonly children: ComponentChildren;
}

/** One titled part of the context report. */
export function PanelPart({ title, children }: PartProps): JSX.Element {
  return (
    <section class="context-part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}
