import type { JSX } from "preact";
import type { Share } from "./series.ts";

/** Parts of a whole as bars that are a table: it reads the same with and without eyes. */
export function Shares({
  title,
  note,
  shares,
  nothing,
}: {
  readonly title: string;
  readonly note?: string;
  readonly shares: readonly Share[];
  readonly nothing: string;
}): JSX.Element {
  const most = Math.max(...shares.map(({ share }) => share));
  return (
    <section class="plot">
      <h2>{title}</h2>
      {note !== undefined && <p class="plot-note">{note}</p>}
      {shares.length === 0 ? (
        <p class="plot-nothing">{nothing}</p>
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
                  <span style={{ width: `${(100 * share) / most}%` }} />
                  <span class="visually-hidden">{percent(share)}</span>
                </td>
                <td>
                  {count.toLocaleString()} <small>{percent(share)}</small>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function percent(share: number): string {
  return share > 0 && share < 0.001 ? "<0.1%" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
}
