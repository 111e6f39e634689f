import type { JSX } from "preact";
import { fullDate } from "../../format/times.ts";
import type { Summary } from "../../transport/protocol.ts";

const ORIGINS: Readonly<Record<string, string>> = {
  model: "Written by the model",
  user: "Corrected by you",
  import: "Imported",
};

export function Versions({ summary }: { readonly summary: Summary }): JSX.Element | null {
  const { versions, id } = summary;
  if (versions.length === 0) return null;
  return (
    <details class="summary-versions">
      <summary>{versions.length === 1 ? "1 version" : `${versions.length} versions`}</summary>
      <ol>
        {versions.map((version) => (
          <li key={version.id} class={version.active ? "" : "past"}>
            <span>
              {ORIGINS[version.origin] ?? version.origin}
              {version.id === id ? " · in use" : ""}
            </span>
            <span class="hint">{fullDate(version.created_at)}</span>
          </li>
        ))}
      </ol>
    </details>
  );
}
