import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { copy } from "../../app/clipboard.ts";
import { dollars, modelLabel, tokenCount } from "../../format/numbers.ts";
import type { Message, ModelChoice, Rating } from "../../transport/protocol.ts";
import { textOf } from "../../state/state.ts";
import { useSelector } from "../../app/store.ts";
import { useActions } from "../hooks/actions-context.ts";
import { IconButton } from "../elements/icons.tsx";
import type { MessageProps } from "./message-props.ts";

interface ActionProps extends MessageProps {
  readonly onEdit?: () => void;
  readonly onDetails?: () => void;
  readonly detailsOpen?: boolean;
}

/** The row under a message. It shows on hover and focus, and always under the newest answer. */
export function MessageActions(props: ActionProps): JSX.Element {
  const { message, last, busy, onEdit, onDetails, detailsOpen } = props;
  const text = textOf(message);
  const { turns } = useActions();
  return (
    <div class={`actions ${last && message.role === "assistant" ? "always-visible" : ""}`}>
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
          <AnswerStats message={message} open={detailsOpen ?? false} onOpen={onDetails} />
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
  const { threads } = useActions();
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
  const [isCopied, setCopied] = useState(false);
  const copyText = async () => {
    setCopied(await copy(text));
    setTimeout(() => setCopied(false), 1600);
  };
  return (
    <IconButton icon={isCopied ? "check" : "copy"} label={isCopied ? "Copied" : "Copy"} onClick={copyText} />
  );
}

function Thumb({ message, rating }: { readonly message: Message; readonly rating: Rating }): JSX.Element {
  const { threads } = useActions();
  const isRated = message.feedback === rating;
  return (
    <IconButton
      icon={rating}
      label={rating === "up" ? "Good answer" : "Bad answer"}
      pressed={isRated}
      onClick={() => void threads.rate(message, isRated ? null : rating)}
    />
  );
}

const NONE: readonly ModelChoice[] = [];

interface StatsProps {
  readonly message: Message;
  readonly open: boolean;
  readonly onOpen: (() => void) | undefined;
}

function AnswerStats({ message, open, onOpen }: StatsProps): JSX.Element {
  const models = useSelector((state) => state.info?.models) ?? NONE;
  const model = message.model === null ? null : modelLabel(message.model, models);
  const tokens = tokenCount(message.usage);
  // An answer that never started used no tokens and has no cost.
  const cost = tokens === null ? null : dollars(message.cost_usd);
  const stats = [model, tokens, cost].filter((value) => value !== null);
  return (
    <button
      type="button"
      class="answer-stats"
      aria-expanded={open}
      title="Why this model, and what it cost"
      onClick={onOpen}
    >
      {stats.length > 0 ? stats.map((value) => <span key={value}>{value}</span>) : <span>Details</span>}
    </button>
  );
}
