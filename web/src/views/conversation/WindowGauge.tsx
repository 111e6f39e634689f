import type { JSX } from "preact";
import { shortNumber } from "../../format/numbers.ts";
import { useSelector } from "../../app/store.ts";
import { type WindowFill, windowFill } from "../../format/context-report.ts";
import { useTurnContext } from "../hooks/turn-context.ts";
import { useActions } from "../hooks/actions-context.ts";

const RADIUS = 7;
const CIRCUMFERENCE = 2 * Math.PI * RADIUS;

/** A ring that shows how full the message window was in the last turn; nothing where that is not known. */
export function WindowGauge({ threadId }: { readonly threadId: string | null }): JSX.Element | null {
  const { store } = useActions();
  const limit = useSelector((state) => state.info?.window_tokens);
  const turnId = useSelector((state) => {
    const messages = threadId === null ? [] : (state.conversations[threadId]?.messages ?? []);
    return messages.findLast(({ role }) => role === "assistant")?.turn_id ?? null;
  });
  const loaded = useTurnContext(limit === undefined ? null : turnId);
  const fill = windowFill(loaded?.context?.plan ?? null, limit);
  if (fill === null || turnId === null) return null;
  return (
    <button
      type="button"
      class="gauge"
      aria-label={label(fill)}
      title={label(fill)}
      onClick={() => store.dispatch({ type: "panel.changed", panel: { type: "context", turnId } })}
    >
      <svg viewBox="0 0 20 20" aria-hidden="true" focusable="false">
        <circle cx="10" cy="10" r={RADIUS} />
        <circle
          class="gauge-full"
          cx="10"
          cy="10"
          r={RADIUS}
          stroke-dasharray={`${fill.share * CIRCUMFERENCE} ${CIRCUMFERENCE}`}
          transform="rotate(-90 10 10)"
        />
      </svg>
    </button>
  );
}

function label({ share, verbatim, limit, total }: WindowFill): string {
  const percent = Math.round(100 * share);
  return (
    `The message window is ${percent}% full: ${shortNumber(verbatim)} of ${shortNumber(limit)} tokens are sent word for word, ` +
    `${shortNumber(total)} with everything else. When it is full, older messages are summarized.`
  );
}
