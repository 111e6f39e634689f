import type { ComponentChildren, JSX } from "preact";
import { dollars, exactDollars, nameOf } from "../../format/numbers.ts";
import { capital } from "../../format/call-outcomes.ts";
import type { Call, LeftOut, Plan, TurnContext } from "../../transport/protocol.ts";
import { useSelect } from "../../app/store.ts";
import {
  billOf,
  candidatesOf,
  leftOutWords,
  markWords,
  otherCalls,
  reasonsOf,
  replyOf,
  shortfallWords,
  signalsOf,
  usd,
  withIds,
} from "../../format/context-report.ts";
import { useTurnContext } from "../hooks/turn-context.ts";
import { Fact } from "../message/AnswerDetails.tsx";
import { IconButton } from "../elements/icons.tsx";
import { MessageLink } from "../message/MessageLink.tsx";
import { PromptBar } from "./PromptBar.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";

interface ToldProps {
  readonly threadId: string;
  readonly turnId: string;
  readonly onClose: () => void;
}

/** What the model was told in one turn, why, and what came of it on the bill. */
export function Told({ threadId, turnId, onClose }: ToldProps): JSX.Element {
  const loaded = useTurnContext(turnId);
  return (
    <div class="told">
      <header class="panel-head">
        <h2>What the model was told</h2>
        <IconButton icon="close" label="Close" onClick={onClose} />
      </header>
      <div class="panel-body">
        {loaded === null && <Skeleton lines={5} label="Loading the context" />}
        {loaded?.problem != null && <p role="alert">The context cannot be shown. {loaded.problem}</p>}
        {loaded?.context?.plan === null && (
          <p>The turn ended before it was decided what the model would be told.</p>
        )}
        {loaded?.context?.plan && (
          <Body threadId={threadId} context={loaded.context} plan={loaded.context.plan} />
        )}
      </div>
    </div>
  );
}

interface BodyProps {
  readonly threadId: string;
  readonly context: TurnContext;
  readonly plan: Plan;
}

function Body({ threadId, context, plan }: BodyProps): JSX.Element {
  const reply = replyOf(context);
  const marks = markWords(plan);
  // Two of the blocks are headings, and one may ask for the rest of an answer.
  const recalled = (plan.recipe?.recalled ?? []).filter(
    ({ id }) => id !== "recall" && id !== "recall-standing" && !id.startsWith("continue:"),
  );
  const shortfall = reply === null ? null : shortfallWords(reply);
  return (
    <>
      <PromptBar threadId={threadId} plan={plan} reply={reply} />
      {shortfall !== null && <p class="told-shortfall">{shortfall}</p>}
      {recalled.length > 0 && (
        <Part title="Recalled for this turn">
          <ul class="told-list">
            {recalled.map(({ id }) => (
              <li key={id}>
                <MessageLink threadId={threadId} messageId={id} />
              </li>
            ))}
          </ul>
        </Part>
      )}
      <LeftOutPart left={plan.left_out ?? []} />
      <Part title="Why">
        <dl>
          {reasonsOf(plan).map(([name, text]) => (
            <Fact key={name} name={name}>
              <Linked threadId={threadId} text={text} />
            </Fact>
          ))}
          {marks.length > 0 && <Fact name="Marked">{capital(marks.join("; "))}</Fact>}
        </dl>
      </Part>
      <Considered plan={plan} />
      <Bill plan={plan} reply={reply} />
      <Others context={context} />
      <details class="told-raw">
        <summary>As stored</summary>
        <pre tabindex={0}>{JSON.stringify(context, null, 2)}</pre>
      </details>
    </>
  );
}

function Part({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="told-part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function LeftOutPart({ left }: { readonly left: readonly LeftOut[] }): JSX.Element | null {
  if (left.length === 0) return null;
  return (
    <Part title="Left out">
      <ul class="told-list">
        {left.map((one, index) => (
          <li key={index}>
            {leftOutWords(one)}: {one.why}
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** The models that could have answered, and what was seen in the message. */
function Considered({ plan }: { readonly plan: Plan }): JSX.Element | null {
  const candidates = candidatesOf(plan);
  const signals = signalsOf(plan);
  if (candidates.length < 2) return null;
  return (
    <Part title="Models considered">
      <dl>
        {candidates.map(({ name, note }) => (
          <Fact key={name} name={name}>
            {note}
          </Fact>
        ))}
        {signals.length > 0 && <Fact name="Seen">{signals.join("; ")}</Fact>}
      </dl>
    </Part>
  );
}

/** A reason; the messages it names are links. */
function Linked({ threadId, text }: { readonly threadId: string; readonly text: string }): JSX.Element {
  const messages = useSelect((state) => state.conversations[threadId]?.messages);
  const isMessage = (id: string) => messages?.some((message) => message.id === id) ?? false;
  return (
    <>
      {withIds(text, isMessage).map((piece, index) =>
        piece.isId ? (
          <MessageLink key={index} threadId={threadId} messageId={piece.text}>
            this message
          </MessageLink>
        ) : (
          piece.text
        ),
      )}
    </>
  );
}

const figure = (count: number | null) => (count === null ? "–" : count.toLocaleString("en"));

function Bill({ plan, reply }: { readonly plan: Plan; readonly reply: Call | null }): JSX.Element | null {
  const foreseen = reply?.predicted ?? plan.predicted ?? null;
  if (foreseen === null && reply === null) return null;
  const thinking = reply?.billed.reasoning ?? 0;
  return (
    <Part title="The bill">
      <table class="figures-table">
        <thead>
          <tr>
            <th scope="col">Tokens</th>
            <th scope="col">Foreseen</th>
            <th scope="col">Billed</th>
          </tr>
        </thead>
        <tbody>
          {billOf(foreseen, reply?.billed ?? null).map(({ name, ...row }) => (
            <tr key={name} class={row.foreseen || row.billed ? "" : "nothing"}>
              <th scope="row">{name}</th>
              <td>{figure(row.foreseen)}</td>
              <td>{figure(row.billed)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Cost</th>
            <td>{exactDollars(usd(plan.cost_pico_usd)) ?? "–"}</td>
            <td>{exactDollars(reply?.cost_usd ?? null) ?? "–"}</td>
          </tr>
        </tfoot>
      </table>
      {thinking > 0 && <p class="hint">{figure(thinking)} tokens of the answer were thinking.</p>}
    </Part>
  );
}

function Others({ context }: { readonly context: TurnContext }): JSX.Element | null {
  const models = useSelect((state) => state.info?.models) ?? [];
  const others = otherCalls(context);
  if (others.length === 0) return null;
  return (
    <Part title="Besides">
      <dl>
        {others.map(({ name, model, cost_usd }, index) => (
          <Fact key={index} name={name}>
            {[nameOf(model, models), dollars(cost_usd)].filter((each) => each !== null).join(", ")}
          </Fact>
        ))}
      </dl>
    </Part>
  );
}
