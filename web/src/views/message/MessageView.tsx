import type { JSX } from "preact";
import { type LivePart, textOf } from "../../state/state.ts";
import type { Part } from "../../transport/protocol.ts";
import { memo } from "../elements/memo.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { useRowState } from "../hooks/use-row-state.ts";
import { AnswerDetails } from "./AnswerDetails.tsx";
import { Bubble } from "./Bubble.tsx";
import { EditForm } from "./EditForm.tsx";
import { Markdown } from "./Markdown.tsx";
import { MessageActions } from "./MessageActions.tsx";
import type { MessageProps } from "./message-props.ts";
import { useEdit } from "./use-edit.ts";
import { Outcome } from "./Outcome.tsx";
import { Reasoning } from "./Reasoning.tsx";
import { ToolLine } from "./ToolLine.tsx";

export const MessageView = memo(function MessageView(props: MessageProps): JSX.Element {
  return props.message.role === "user" ? <Question {...props} /> : <Answer {...props} />;
});

function Question(props: MessageProps): JSX.Element {
  const { message } = props;
  const { turns } = useActions();
  const { edited, edit, close } = useEdit(message);
  const text = textOf(message);
  if (edited !== null) {
    const send = (changed: string) => {
      close();
      turns.edit(message, changed);
    };
    return <EditForm original={text} text={edited} onInput={edit} onSend={send} onClose={close} />;
  }
  return (
    <article class="message question" aria-label="You">
      <Bubble id={message.id} text={text} />
      <MessageActions {...props} onEdit={() => edit(text)} />
    </article>
  );
}

function Answer(props: MessageProps): JSX.Element {
  const { message, activity, lost } = props;
  const { turns } = useActions();
  const [showsDetails, setShowsDetails] = useRowState(`details.${message.id}`, false);
  const isStreaming = message.status === "streaming";
  const parts = message.parts.filter(
    (part) => (part.text ?? "") !== "" || part.type === "reasoning" || part.type === "tool",
  );
  return (
    <article class="message answer" aria-label="Assistant" aria-busy={isStreaming}>
      {parts.map((part, index) => (
        <PartView
          key={index}
          id={`${message.id}.${index}`}
          part={part}
          isOpen={isStreaming && index === parts.length - 1}
        />
      ))}
      {isStreaming && parts.length === 0 && (
        <Skeleton lines={3} label={activity ?? "Waiting for the answer"} />
      )}
      {isStreaming && activity !== null && (
        <p class="activity">
          {activity}{" "}
          {lost && (
            <button type="button" class="text-button" onClick={turns.reconnect}>
              Retry now
            </button>
          )}
        </p>
      )}
      <Outcome message={message} busy={props.busy} />
      {!isStreaming && (
        <MessageActions
          {...props}
          detailsOpen={showsDetails}
          onDetails={() => setShowsDetails(!showsDetails)}
        />
      )}
      {showsDetails && <AnswerDetails message={message} route={props.route} />}
    </article>
  );
}

interface PartProps {
  readonly id: string;
  readonly part: Part & Partial<LivePart>;
  /** The last part of a streaming answer. */
  readonly isOpen: boolean;
}

function PartView({ id, part, isOpen }: PartProps): JSX.Element | null {
  const isRunning = isOpen && part.ended === false;
  if (part.type === "reasoning")
    return <Reasoning id={id} part={part} startedAt={isRunning ? (part.startedAt ?? null) : null} />;
  if (part.type === "tool") return <ToolLine part={part} running={isRunning} />;
  return part.type === "text" ? <Markdown text={part.text ?? ""} open={isOpen} /> : null;
}
