import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { copy } from "../../app/clipboard.ts";
import { dollars, nameOf, tokens } from "../../format/numbers.ts";
import type { Message, ModelChoice, Rating } from "../../transport/protocol.ts";
import { textOf } from "../../state/state.ts";
import { useSelect } from "../../app/store.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { IconButton } from "../elements/icons.tsx";
import type { MessageProps } from "./message-props.ts";

interface ActionProps extends MessageProps {
  readonly onEdit?: () => void;
  readonly onDetails?: () => void;
  readonly detailsOpen?: boolean;
}

/** The row under a message. It is there on hover and focus, and stays under the newest answer. */
export function MessageActions(props: ActionProps): JSX.Element {
  const { message, last, busy, onEdit, onDetails, detailsOpen } = props;
  const text = textOf(message);
  const { turns } = useDeeds();
  return (
    <div class={`actions ${last && message.role === "assistant" ? "staying" : ""}`}>
      <Branches message={message} busy={busy} />
      {text !== "" && <CopyButton text={text} />}
      {onEdit && <IconButton icon="edit" label="Edit" disabled={busy} onClick={onEdit} />}
      {message.role === "assistant" && (
        <>
          <IconButton
            icon="retry"
            label="Answer again"
            disabled={busy}
            onClick={() => turns.regenerate(message)}
          />
          {text !== "" && <Thumb message={message} rating="up" />}
          {text !== "" && <Thumb message={message} rating="down" />}
          <Figures message={message} open={detailsOpen ?? false} onOpen={onDetails} />
        </>
      )}
    </div>
  );
}

function Branches({
  message,
  busy,
}: {
  readonly message: Message;
  readonly busy: boolean;
}): JSX.Element | null {
  const { threads } = useDeeds();
  const { sibling_ids: siblings, id } = message;
  if (siblings.length < 2) return null;
  const index = siblings.indexOf(id);
  const step = (to: number) => {
    const sibling = siblings[to];
    if (sibling !== undefined) void threads.branch(message, sibling);
  };
  return (
    <fieldset class="branches" aria-label="Versions">
      <IconButton
        icon="left"
        label="Earlier version"
        disabled={busy || index <= 0}
        onClick={() => step(index - 1)}
      />
      <span class="branch-count">
        {index + 1}/{siblings.length}
      </span>
      <IconButton
        icon="right"
        label="Later version"
        disabled={busy || index >= siblings.length - 1}
        onClick={() => step(index + 1)}
      />
    </fieldset>
  );
}

export function CopyButton({ text }: { readonly text: string }): JSX.Element {
  const [done, setDone] = useState(false);
  const act = async () => {
    setDone(await copy(text));
    setTimeout(() => setDone(false), 1600);
  };
  return <IconButton icon={done ? "check" : "copy"} label={done ? "Copied" : "Copy"} onClick={act} />;
}

function Thumb({ message, rating }: { readonly message: Message; readonly rating: Rating }): JSX.Element {
  const { threads } = useDeeds();
  const given = message.feedback === rating;
  return (
    <IconButton
      icon={rating}
      label={rating === "up" ? "Good answer" : "Bad answer"}
      pressed={given}
      onClick={() => void threads.rate(message, given ? null : rating)}
    />
  );
}

const NONE: readonly ModelChoice[] = [];

interface FiguresProps {
  readonly message: Message;
  readonly open: boolean;
  readonly onOpen: (() => void) | undefined;
}

function Figures({ message, open, onOpen }: FiguresProps): JSX.Element {
  const models = useSelect((state) => state.info?.models) ?? NONE;
  const model = message.model === null ? null : nameOf(message.model, models);
  const used = tokens(message.usage);
  // An answer that never began was not paid for: there is nothing to add up.
  const cost = used === null ? null : dollars(message.cost_usd);
  const figures = [model, used, cost].filter((figure) => figure !== null);
  return (
    <button
      type="button"
      class="figures"
      aria-expanded={open}
      title="Why this model, and what it cost"
      onClick={onOpen}
    >
      {figures.length > 0 ? (
        figures.map((figure) => <span key={figure}>{figure}</span>)
      ) : (
        <span>Details</span>
      )}
    </button>
  );
}
