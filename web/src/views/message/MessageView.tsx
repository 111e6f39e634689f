import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { tame } from "../../markdown/limit-marks.ts";
import type { Message } from "../../transport/protocol.ts";
import { canGoOn, type LivePart, textOf } from "../../state/state.ts";
import { Details } from "./AnswerDetails.tsx";
import { useDeeds } from "../hooks/actions-context.ts";
import { EditForm } from "./EditForm.tsx";
import { MessageActions } from "./MessageActions.tsx";
import type { MessageProps } from "./message-props.ts";
import { Prose } from "./Markdown.tsx";
import { Reasoning } from "./Reasoning.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { steady } from "../elements/memo.tsx";
import { ToolLine } from "./ToolLine.tsx";

export const MessageView = steady(function MessageView(props: MessageProps): JSX.Element {
  return props.message.role === "user" ? <Question {...props} /> : <Answer {...props} />;
});

function Question(props: MessageProps): JSX.Element {
  const { message } = props;
  const { turns } = useDeeds();
  const [editing, setEditing] = useState(false);
  const text = textOf(message);
  if (editing) {
    const send = (changed: string) => {
      setEditing(false);
      turns.edit(message, changed);
    };
    return <EditForm text={text} onSend={send} onClose={() => setEditing(false)} />;
  }
  return (
    <article class="message question" aria-label="You">
      <Bubble text={text} />
      <MessageActions {...props} onEdit={() => setEditing(true)} />
    </article>
  );
}

const LONG = 1_800;

export function Bubble({
  text,
  children,
}: {
  readonly text: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  const [whole, setWhole] = useState(false);
  const long = text.length > LONG || text.split("\n", 31).length > 30;
  return (
    <div class="bubble">
      <div class={long && !whole ? "bubble-text folded" : "bubble-text"} dir="auto">
        {tame(text)}
      </div>
      {long && (
        <button type="button" class="text-button" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Show less" : "Show all"}
        </button>
      )}
      {children}
    </div>
  );
}

function Answer(props: MessageProps): JSX.Element {
  const { message, activity } = props;
  const [details, setDetails] = useState(false);
  const streaming = message.status === "streaming";
  const shown = message.parts.filter(
    (part) => (part.text ?? "") !== "" || part.type === "reasoning" || part.type === "tool",
  );
  return (
    <article class="message answer" aria-label="Assistant" aria-busy={streaming}>
      {shown.map((part, index) => {
        const open = streaming && index === shown.length - 1;
        if (part.type === "reasoning") {
          const live = part as Partial<LivePart>;
          const startedAt = open && live.ended === false ? (live.startedAt ?? null) : null;
          return <Reasoning key={index} part={part} startedAt={startedAt} />;
        }
        if (part.type === "tool") {
          const { ended } = part as Partial<LivePart>;
          return <ToolLine key={index} part={part} running={open && ended === false} />;
        }
        return part.type === "text" ? <Prose key={index} text={part.text ?? ""} open={open} /> : null;
      })}
      {streaming && shown.length === 0 && <Skeleton lines={3} label={activity ?? "Waiting for the answer"} />}
      {streaming && activity !== null && <p class="activity">{activity}</p>}
      <Outcome {...props} />
      {!streaming && (
        <MessageActions {...props} detailsOpen={details} onDetails={() => setDetails(!details)} />
      )}
      {details && <Details message={message} route={props.route} />}
    </article>
  );
}

/** What went otherwise than hoped, with a way on. */
function Outcome({ message, busy }: MessageProps): JSX.Element | null {
  const { turns } = useDeeds();
  const text = outcome(message);
  if (text === null) return null;
  const serious = message.status === "failed";
  return (
    <div class={`outcome ${serious ? "serious" : ""}`} role={serious ? "alert" : undefined}>
      <span>{text}</span>
      {canGoOn(message) && (
        <button type="button" class="text-button" disabled={busy} onClick={() => turns.goOn(message)}>
          Continue
        </button>
      )}
      {message.status !== "complete" && (
        <button type="button" class="text-button" disabled={busy} onClick={() => turns.regenerate(message)}>
          Retry
        </button>
      )}
    </div>
  );
}

function outcome({ status, error, finish_reason }: Message): string | null {
  if (status === "failed") return error?.message || "The answer failed.";
  if (status === "interrupted") return "Interrupted before the end. What had arrived is kept.";
  if (status === "cancelled") return "Stopped.";
  if (finish_reason === "length") return "The answer reached its length limit.";
  if (finish_reason === "content_filter") return "The answer was cut by the content filter.";
  return null;
}
