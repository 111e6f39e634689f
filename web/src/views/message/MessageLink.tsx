import type { ComponentChildren, JSX } from "preact";
import { pathOf } from "../../app/url.ts";
import { textOf } from "../../state/state.ts";
import { useSelect } from "../../app/store.ts";
import { useDeeds } from "../hooks/actions-context.ts";

interface LinkProps {
  readonly threadId: string;
  readonly messageId: string;
  readonly class?: string;
  /** What the link is called by those who only hear it; what is seen follows from the children. */
  readonly label?: string;
  readonly onFollow?: () => void;
  readonly children?: ComponentChildren;
}

const LONGEST = 70;

/** Leads to a message of the thread, wherever it is; says its first words as far as they are loaded. */
export function MessageLink({
  threadId,
  messageId,
  class: extra,
  label,
  onFollow,
  children,
}: LinkProps): JSX.Element {
  const { go } = useDeeds();
  const words = useSelect((state) => firstWords(state.conversations[threadId]?.messages ?? [], messageId));
  const place = { threadId, messageId };
  return (
    <a
      class={extra}
      href={pathOf(place)}
      title={words ?? "Show this message"}
      aria-label={label === undefined ? undefined : `${label}: ${words ?? "an older message"}`}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onFollow?.();
        go(place);
      }}
    >
      {children ?? words ?? "An older message"}
    </a>
  );
}

function firstWords(messages: readonly Parameters<typeof textOf>[0][], messageId: string): string | null {
  const message = messages.find(({ id }) => id === messageId);
  if (message === undefined) return null;
  const text = textOf(message).replace(/\s+/g, " ");
  const said = text.length > LONGEST ? `${text.slice(0, LONGEST).trimEnd()}…` : text;
  return `${message.role === "user" ? "You" : "Assistant"}: ${said}`;
}
