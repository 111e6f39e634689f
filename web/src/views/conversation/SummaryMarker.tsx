import type { JSX } from "preact";
import { useActions } from "../hooks/actions-context.ts";

/** Follows the last message that the summary covers. */
export function SummaryMarker({ threadId }: { readonly threadId: string }): JSX.Element {
  const { summaries } = useActions();
  return (
    <div class="conversation-marker" role="note">
      <span>Older messages are summarized for the model</span>
      <button type="button" class="text-button" onClick={() => void summaries.show(threadId)}>
        Show the summary
      </button>
    </div>
  );
}
