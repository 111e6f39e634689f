import type { ComponentChildren, JSX } from "preact";
import { textOf } from "../../state/state.ts";
import { useSelector } from "../../app/store.ts";
import { useActions } from "../hooks/actions-context.ts";

interface LinkProps {
  readonly threadId: string;
  readonly messageId: string;
  readonly class?: string;
  /** The name of the link for screen readers, followed by the first words of the message. */
  readonly label?: string;
  readonly onFollow?: () => void;
  readonly children?: ComponentChildren;
}

const MAX_LETTERS = 70;

/** A link to a message of the thread. It shows the first words of the message if that is loaded. */
export function MessageLink({
  threadId,
  messageId,
  class: extra,
  label,
  onFollow,
  children,
}: LinkProps): JSX.Element {
  const { urls, navigate } = useActions();
  const preview = useSelector((state) => previewOf(state.conversations[threadId]?.messages ?? [], messageId));
  const location = { threadId, messageId };
  return (
    <a
      class={extra}
      href={urls.to(location)}
      title={preview ?? "Show this message"}
      aria-label={label === undefined ? undefined : `${label}: ${preview ?? "an older message"}`}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onFollow?.();
        navigate(location);
      }}
    >
      {children ?? preview ?? "An older message"}
    </a>
  );
}

function previewOf(messages: readonly Parameters<typeof textOf>[0][], messageId: string): string | null {
  const message = messages.find(({ id }) => id === messageId);
  if (message === undefined) return null;
  const text = textOf(message).replace(/\s+/g, " ");
  const start = text.length > MAX_LETTERS ? `${text.slice(0, MAX_LETTERS).trimEnd()}…` : text;
  return `${message.role === "user" ? "You" : "Assistant"}: ${start}`;
}
