import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type LivePart, textOf } from "../../state/state.ts";
import type { Part } from "../../transport/protocol.ts";
import { memo } from "../elements/memo.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { AnswerDetails } from "./AnswerDetails.tsx";
import { Bubble } from "./Bubble.tsx";
import { EditForm } from "./EditForm.tsx";
import { Markdown } from "./Markdown.tsx";
import { MessageActions } from "./MessageActions.tsx";
import type { MessageProps } from "./message-props.ts";
import { Outcome } from "./Outcome.tsx";
import { Reasoning } from "./Reasoning.tsx";
import { ToolLine } from "./ToolLine.tsx";

export const MessageView = memo(function MessageView(props: MessageProps): JSX.Element {
  return props.message.role === "user" ? <Question {...props} /> : <Answer {...props} />;
});

function Question(props: MessageProps): JSX.Element {
  const { message } = props;
  const { turns } = useActions();
  const [isEditing, setEditing] = useState(false);
  const text = textOf(message);
  if (isEditing) {
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

function Answer(props: MessageProps): JSX.Element {
  const { message, activity } = props;
  const [showsDetails, setShowsDetails] = useState(false);
  const isStreaming = message.status === "streaming";
  const parts = message.parts.filter(
    (part) => (part.text ?? "") !== "" || part.type === "reasoning" || part.type === "tool",
  );
  return (
    <article class="message answer" aria-label="Assistant" aria-busy={isStreaming}>
      {parts.map((part, index) => (
        <PartView key={index} part={part} isOpen={isStreaming && index === parts.length - 1} />
      ))}
      {isStreaming && parts.length === 0 && (
        <Skeleton lines={3} label={activity ?? "Waiting for the answer"} />
      )}
      {isStreaming && activity !== null && <p class="activity">{activity}</p>}
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
  readonly part: Part & Partial<LivePart>;
  /** The last part of a streaming answer. */
  readonly isOpen: boolean;
}

function PartView({ part, isOpen }: PartProps): JSX.Element | null {
  const isRunning = isOpen && part.ended === false;
  if (part.type === "reasoning")
    return <Reasoning part={part} startedAt={isRunning ? (part.startedAt ?? null) : null} />;
  if (part.type === "tool") return <ToolLine part={part} running={isRunning} />;
  return part.type === "text" ? <Markdown text={part.text ?? ""} open={isOpen} /> : null;
}
