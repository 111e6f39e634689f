import type { JSX } from "preact";
import type { InstructionsVersion } from "../../transport/protocol.ts";

interface Props {
  readonly versions: readonly InstructionsVersion[];
  /** The message the changes came after; null at the beginning of the thread. */
  readonly after: string | null;
}

/** Says where the instructions of the conversation changed; nothing where they did not. */
export function InstructionsMarker({ versions, after }: Props): JSX.Element | null {
  const [newest] = versions.filter((version) => version.after_id === after);
  if (newest === undefined) return null;
  const first = versions.at(-1) === newest;
  return (
    <div class="conversation-marker" role="note">
      {newest.text === null ? (
        <span>Instructions removed</span>
      ) : (
        <details class="instructions-text">
          <summary>{first ? "Instructions set" : "Instructions changed"}</summary>
          <p dir="auto">{newest.text}</p>
        </details>
      )}
    </div>
  );
}
