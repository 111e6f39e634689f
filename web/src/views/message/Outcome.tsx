import type { JSX } from "preact";
import { canContinue } from "../../state/state.ts";
import type { Message } from "../../transport/protocol.ts";
import { useActions } from "../hooks/actions-context.ts";

interface OutcomeProps {
  readonly message: Message;
  readonly busy: boolean;
}

/** How an answer ended, if not normally, with buttons to continue or retry. */
export function Outcome({ message, busy }: OutcomeProps): JSX.Element | null {
  const { turns } = useActions();
  const text = outcomeText(message);
  if (text === null) return null;
  const isFailure = message.status === "failed";
  return (
    <div class={`outcome ${isFailure ? "serious" : ""}`} role={isFailure ? "alert" : undefined}>
      <span>{text}</span>
      {canContinue(message) && (
        <button
          type="button"
          class="text-button"
          disabled={busy}
          onClick={() => turns.continueAnswer(message)}
        >
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

function outcomeText({ status, error, finish_reason }: Message): string | null {
  if (status === "failed") return error?.message || "The answer failed.";
  if (status === "interrupted") return "Interrupted before the end. The partial answer is saved.";
  if (status === "cancelled") return "Stopped.";
  if (finish_reason === "length") return "The answer reached its length limit.";
  return null;
}
