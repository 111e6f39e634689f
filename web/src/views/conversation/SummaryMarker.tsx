import type { JSX } from "preact";
import { useDeeds } from "../hooks/actions-context.ts";

/** Stands behind the last message that the model knows only from the summary. */
export function SummaryMarker({ threadId }: { readonly threadId: string }): JSX.Element {
  const { summaries } = useDeeds();
  return (
    <div class="summary-marker" role="note">
      <span>Older messages are summarised for the model</span>
      <button type="button" class="text-button" onClick={() => void summaries.show(threadId)}>
        Show the summary
      </button>
    </div>
  );
}
