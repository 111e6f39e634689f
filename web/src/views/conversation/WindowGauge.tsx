import type { JSX } from "preact";
import { short } from "../../format/numbers.ts";
import { useSelect } from "../../app/store.ts";
import { type Fullness, fullnessOf } from "../../format/context-report.ts";
import { useTurnContext } from "../hooks/turn-context.ts";
import { useDeeds } from "../hooks/actions-context.ts";

const RADIUS = 7;
const ROUND = 2 * Math.PI * RADIUS;

/** How full the window was in the last turn, as a small ring; nothing where that is not known. */
export function Gauge({ threadId }: { readonly threadId: string | null }): JSX.Element | null {
  const { store } = useDeeds();
  const most = useSelect((state) => state.info?.window_tokens);
  const turnId = useSelect((state) => {
    const messages = threadId === null ? [] : (state.conversations[threadId]?.messages ?? []);
    return messages.findLast(({ role }) => role === "assistant")?.turn_id ?? null;
  });
  const loaded = useTurnContext(most === undefined ? null : turnId);
  const full = fullnessOf(loaded?.context?.plan ?? null, most);
  if (full === null || turnId === null) return null;
  return (
    <button
      type="button"
      class="gauge"
      aria-label={words(full)}
      title={words(full)}
      onClick={() => store.dispatch({ type: "panel.changed", panel: { type: "told", turnId } })}
    >
      <svg viewBox="0 0 20 20" aria-hidden="true" focusable="false">
        <circle cx="10" cy="10" r={RADIUS} />
        <circle
          class="gauge-full"
          cx="10"
          cy="10"
          r={RADIUS}
          stroke-dasharray={`${full.share * ROUND} ${ROUND}`}
          transform="rotate(-90 10 10)"
        />
      </svg>
    </button>
  );
}

function words({ share, verbatim, most, total }: Fullness): string {
  const percent = Math.round(100 * share);
  return (
    `The window is ${percent}% full: ${short(verbatim)} of ${short(most)} tokens are told word for word, ` +
    `${short(total)} with everything else. When it fills up, older messages are summarised.`
  );
}
