import type { JSX } from "preact";
import { sharePercent } from "./number-formats.ts";
import type { Share } from "./series.ts";

interface SharesProps {
  readonly title: string;
  readonly note?: string;
  readonly shares: readonly Share[];
  /** What to show where there are no shares. */
  readonly empty: string;
}

/** Parts of a whole, as a table with bars. Screen readers read the same numbers. */
export function Shares({ title, note, shares, empty }: SharesProps): JSX.Element {
  const largest = Math.max(...shares.map(({ share }) => share));
  return (
    <section class="plot">
      <h2>{title}</h2>
      {note !== undefined && <p class="plot-note">{note}</p>}
      {shares.length === 0 ? (
        <p class="plot-empty">{empty}</p>
      ) : (
        <table class="shares">
          <thead class="visually-hidden">
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">Share</th>
              <th scope="col">Calls</th>
            </tr>
          </thead>
          <tbody>
            {shares.map(({ label, count, share }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="bar">
                  <span style={{ width: `${(100 * share) / largest}%` }} />
                  <span class="visually-hidden">{sharePercent(share)}</span>
                </td>
                <td>
                  {count.toLocaleString()} <small>{sharePercent(share)}</small>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
