import type { JSX } from "preact";
import { useSelector } from "../../app/store.ts";
import {
  type PromptSlice,
  promptSlices,
  type Source,
  sourceLabel,
  ttlLabel,
} from "../../format/prompt-slices.ts";
import type { Call, Message, Plan } from "../../transport/protocol.ts";

interface BarProps {
  readonly threadId: string;
  readonly plan: Plan;
  readonly reply: Call | null;
}

const SOURCES: readonly (readonly [Source, string])[] = [
  ["read", "from the cache"],
  ["written", "written to the cache"],
  ["uncached", "not cached"],
];

const NO_MESSAGES: readonly Message[] = [];

/** The prompt as a bar whose parts are as wide as they are long, and as a table, which screen readers read. */
export function PromptBar({ threadId, plan, reply }: BarProps): JSX.Element | null {
  const messages = useSelector((state) => state.conversations[threadId]?.messages) ?? NO_MESSAGES;
  const usage = reply?.actual_usage ?? plan.estimated_usage ?? null;
  const slices = promptSlices(plan, usage, messages);
  if (slices.length === 0) return null;
  const total = slices.reduce((sum, { tokens }) => sum + tokens, 0);
  return (
    <figure class="prompt">
      <div class="prompt-bar" aria-hidden="true">
        {slices.map((slice) => (
          <SliceView key={slice.section} slice={slice} share={slice.tokens / total} />
        ))}
      </div>
      <Legend slices={slices} />
      <table class="number-table">
        <caption class="visually-hidden">The parts of the prompt</caption>
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
              <td class="text">{usage === null ? "" : sourceLabel(slice)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Total, estimated</th>
            <td>{total.toLocaleString("en")}</td>
            <td class="text">tokens</td>
          </tr>
        </tfoot>
      </table>
    </figure>
  );
}

function Legend({ slices }: { readonly slices: readonly PromptSlice[] }): JSX.Element {
  const sources = SOURCES.filter(([source]) => slices.some(({ from }) => from[source] > 0));
  return (
    <ul class="prompt-legend" aria-hidden="true">
      {sources.map(([source, name]) => (
        <li key={source}>
          <span class={`swatch ${source}`} />
          {name}
        </li>
      ))}
      {slices.some(({ breakpoints }) => breakpoints.length > 0) && (
        <li>
          <span class="swatch breakpoint" />
          cache breakpoint
        </li>
      )}
    </ul>
  );
}

/** The window also counts the new message. */
function nameOf({ section, name }: PromptSlice, { window_messages: messages = 0 }: Plan): string {
  return section === "window" && messages > 2 ? `${messages - 1} earlier messages` : name;
}

/** A part that is a smaller share of the bar has no room for its name. */
const MIN_NAMED_SHARE = 0.2;

interface SliceProps {
  readonly slice: PromptSlice;
  readonly share: number;
}

function SliceView({ slice, share }: SliceProps): JSX.Element {
  return (
    <div
      class="slice"
      title={`${slice.name}: ${slice.tokens.toLocaleString("en")} tokens, ${sourceLabel(slice)}`}
      style={{ flexGrow: String(slice.tokens) }}
    >
      <div class="slice-fill">
        {SOURCES.filter(([source]) => slice.from[source] > 0).map(([source]) => (
          <span key={source} class={`fill ${source}`} style={{ flexGrow: String(slice.from[source]) }} />
        ))}
      </div>
      {slice.breakpoints.map(({ at, ttl }, index) => (
        <span
          key={index}
          class={`breakpoint-tick ${at > 0.5 ? "flipped" : ""}`}
          style={{ left: `${100 * at}%` }}
          title={`Cache breakpoint, TTL ${ttlLabel(ttl)}`}
        >
          {ttl}
        </span>
      ))}
      {share >= MIN_NAMED_SHARE && <span class="slice-name">{slice.name}</span>}
    </div>
  );
}
