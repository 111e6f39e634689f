import type { JSX } from "preact";
import type { Call, Message, Plan } from "../../transport/protocol.ts";
import { useSelect } from "../../app/store.ts";
import { lifeWords, type Slice, slicesOf, type Source, sourceWords } from "../../format/context-report.ts";

interface BarProps {
  readonly threadId: string;
  readonly plan: Plan;
  readonly reply: Call | null;
}

const SOURCES: readonly (readonly [Source, string])[] = [
  ["read", "from the cache"],
  ["written", "written to the cache"],
  ["fresh", "not cached"],
];

const NONE: readonly Message[] = [];

/** The prompt as a bar, its parts as wide as they are long; below it the same as a table, which is what is read aloud. */
export function PromptBar({ threadId, plan, reply }: BarProps): JSX.Element | null {
  const messages = useSelect((state) => state.conversations[threadId]?.messages) ?? NONE;
  const kinds = reply?.billed ?? plan.predicted ?? null;
  const slices = slicesOf(plan, kinds, messages);
  if (slices.length === 0) return null;
  const total = slices.reduce((sum, { tokens }) => sum + tokens, 0);
  const used = SOURCES.filter(([source]) => slices.some(({ from }) => from[source] > 0));
  return (
    <figure class="prompt">
      <div class="prompt-bar" aria-hidden="true">
        {slices.map((slice) => (
          <SliceView key={slice.section} slice={slice} share={slice.tokens / total} />
        ))}
      </div>
      <ul class="prompt-key" aria-hidden="true">
        {used.map(([source, name]) => (
          <li key={source}>
            <span class={`swatch ${source}`} />
            {name}
          </li>
        ))}
        {slices.some(({ marks }) => marks.length > 0) && (
          <li>
            <span class="swatch mark" />
            cache mark
          </li>
        )}
      </ul>
      <table class="figures-table">
        <caption class="visually-hidden">The prompt, part by part</caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Part</th>
            <th scope="col">Tokens, estimated</th>
            <th scope="col">Cache</th>
          </tr>
        </thead>
        <tbody>
          {slices.map((slice) => (
            <tr key={slice.section}>
              <th scope="row">{nameOf(slice, plan)}</th>
              <td>{slice.tokens.toLocaleString("en")}</td>
              <td class="words">{kinds === null ? "" : sourceWords(slice)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Together, estimated</th>
            <td>{total.toLocaleString("en")}</td>
            <td class="words">tokens</td>
          </tr>
        </tfoot>
      </table>
    </figure>
  );
}

/** The window counts the new message as well. */
function nameOf({ section, name }: Slice, { window_messages: messages = 0 }: Plan): string {
  return section === "window" && messages > 2 ? `${messages - 1} earlier messages` : name;
}

/** Below this share of the bar a name would not fit. */
const NAMED = 0.2;

function SliceView({ slice, share }: { readonly slice: Slice; readonly share: number }): JSX.Element {
  return (
    <div
      class="slice"
      title={`${slice.name}: ${slice.tokens.toLocaleString("en")} tokens, ${sourceWords(slice)}`}
      style={{ flexGrow: String(slice.tokens) }}
    >
      <div class="slice-fill">
        {SOURCES.filter(([source]) => slice.from[source] > 0).map(([source]) => (
          <span key={source} class={`fill ${source}`} style={{ flexGrow: String(slice.from[source]) }} />
        ))}
      </div>
      {slice.marks.map(({ at, ttl }, index) => (
        <span
          key={index}
          class={`tick ${at > 0.5 ? "late" : ""}`}
          style={{ left: `${100 * at}%` }}
          title={`Cache mark, for ${lifeWords(ttl)}`}
        >
          {ttl}
        </span>
      ))}
      {share >= NAMED && <span class="slice-name">{slice.name}</span>}
    </div>
  );
}
