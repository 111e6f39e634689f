import type { ComponentChildren, JSX } from "preact";
import { useSelector } from "../../app/store.ts";
import { capitalize } from "../../format/call-outcomes.ts";
import {
  cacheMissText,
  candidateRows,
  leftOutText,
  otherCalls,
  reasonRows,
  replyCall,
  shortenedReason,
  shortenedText,
  signalLabels,
  splitMessageIds,
} from "../../format/context-report.ts";
import { dollars, modelLabel } from "../../format/numbers.ts";
import { breakpointLabels } from "../../format/prompt-slices.ts";
import { recallText } from "../../format/recall-report.ts";
import type { LeftOut, Plan, TurnContext } from "../../transport/protocol.ts";
import { Fact } from "../elements/Fact.tsx";
import { IconButton } from "../elements/icons.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useTurnContext } from "../hooks/turn-context.ts";
import { MessageLink } from "../message/MessageLink.tsx";
import { CostTable } from "./CostTable.tsx";
import { PanelPart } from "./PanelPart.tsx";
import { PromptBar } from "./PromptBar.tsx";

interface PanelProps {
  readonly threadId: string;
  readonly turnId: string;
  readonly onClose: () => void;
}

/** The context report of one turn: what the model was sent, why, and what it cost. */
export function ContextPanel({ threadId, turnId, onClose }: PanelProps): JSX.Element {
  const loaded = useTurnContext(turnId);
  return (
    <div class="context-panel">
      <header class="panel-head">
        <h2>Context</h2>
        <IconButton icon="close" label="Close" onClick={onClose} />
      </header>
      <div class="panel-body">
        {loaded === null && <Skeleton lines={5} label="Loading the context" />}
        {loaded?.problem != null && <p role="alert">The context could not be loaded. {loaded.problem}</p>}
        {loaded?.context?.plan === null && <p>The turn ended before its context was planned.</p>}
        {loaded?.context?.plan && (
          <Report threadId={threadId} context={loaded.context} plan={loaded.context.plan} />
        )}
      </div>
    </div>
  );
}

interface ReportProps {
  readonly threadId: string;
  readonly context: TurnContext;
  readonly plan: Plan;
}

function Report({ threadId, context, plan }: ReportProps): JSX.Element {
  const reply = replyCall(context);
  const breakpoints = breakpointLabels(plan);
  const cacheMiss = reply === null ? null : cacheMissText(reply);
  return (
    <>
      <PromptBar threadId={threadId} plan={plan} reply={reply} />
      {cacheMiss !== null && <p class="cache-miss">{cacheMiss}</p>}
      <RecalledPart threadId={threadId} plan={plan} />
      <ShortenedPart threadId={threadId} plan={plan} />
      <LeftOutPart leftOut={plan.left_out ?? []} />
      <PanelPart title="Why">
        <dl>
          {reasonRows(plan).map(([name, text]) => (
            <Fact key={name} name={name}>
              <LinkedText threadId={threadId} text={text} />
            </Fact>
          ))}
          {breakpoints.length > 0 && (
            <Fact name="Breakpoint positions">{capitalize(breakpoints.join("; "))}</Fact>
          )}
        </dl>
      </PanelPart>
      <ModelsPart plan={plan} />
      <CostTable plan={plan} reply={reply} />
      <OtherCallsPart context={context} />
      <details class="raw-json">
        <summary>Raw JSON</summary>
        <pre tabindex={0}>{JSON.stringify(context, null, 2)}</pre>
      </details>
    </>
  );
}

function RecalledPart({
  threadId,
  plan,
}: {
  readonly threadId: string;
  readonly plan: Plan;
}): JSX.Element | null {
  // Some recalled blocks are no messages: a heading, the instructions, and the request to continue an answer.
  const messages = (plan.recipe?.recalled ?? []).filter(
    ({ id }) => id !== "recall" && id !== "recall-instructions" && !id.startsWith("continue:"),
  );
  const why = recallText(plan);
  if (messages.length === 0 && why === null) return null;
  return (
    <PanelPart title="Recalled for this turn">
      {why !== null && <p class="panel-note">{why}</p>}
      {messages.length > 0 && (
        <ul class="context-list">
          {messages.map(({ id }) => (
            <li key={id}>
              <MessageLink threadId={threadId} messageId={id} />
            </li>
          ))}
        </ul>
      )}
    </PanelPart>
  );
}

function ShortenedPart({
  threadId,
  plan,
}: {
  readonly threadId: string;
  readonly plan: Plan;
}): JSX.Element | null {
  const replies = plan.shortened ?? [];
  const why = shortenedReason(plan);
  if (replies.length === 0) return null;
  return (
    <PanelPart title="Shortened">
      {why !== null && <p class="panel-note">{why}</p>}
      <ul class="context-list">
        {replies.map((reply) => (
          <li key={reply.message_id}>
            <MessageLink threadId={threadId} messageId={reply.message_id} />: {shortenedText(reply)}
          </li>
        ))}
      </ul>
    </PanelPart>
  );
}

function LeftOutPart({ leftOut }: { readonly leftOut: readonly LeftOut[] }): JSX.Element | null {
  if (leftOut.length === 0) return null;
  return (
    <PanelPart title="Left out">
      <ul class="context-list">
        {leftOut.map((part, index) => (
          <li key={index}>
            {leftOutText(part)}: {part.why}
          </li>
        ))}
      </ul>
    </PanelPart>
  );
}

/** The models that could have answered, and the signals of the message for or against each. */
function ModelsPart({ plan }: { readonly plan: Plan }): JSX.Element | null {
  const candidates = candidateRows(plan);
  const signals = signalLabels(plan);
  if (candidates.length < 2) return null;
  return (
    <PanelPart title="Models considered">
      <dl>
        {candidates.map(({ name, note }) => (
          <Fact key={name} name={name}>
            {note}
          </Fact>
        ))}
        {signals.length > 0 && <Fact name="Signals">{signals.join("; ")}</Fact>}
      </dl>
    </PanelPart>
  );
}

function OtherCallsPart({ context }: { readonly context: TurnContext }): JSX.Element | null {
  const models = useSelector((state) => state.info?.models) ?? [];
  const calls = otherCalls(context);
  if (calls.length === 0) return null;
  return (
    <PanelPart title="Other calls">
      <dl>
        {calls.map(({ name, model, cost_usd }, index) => (
          <Fact key={index} name={name}>
            {[modelLabel(model, models), dollars(cost_usd)].filter((text) => text !== null).join(", ")}
          </Fact>
        ))}
      </dl>
    </PanelPart>
  );
}

interface LinkedProps {
  readonly threadId: string;
  readonly text: string;
}

/** A text in which message ids are links. */
function LinkedText({ threadId, text }: LinkedProps): ComponentChildren {
  const messages = useSelector((state) => state.conversations[threadId]?.messages);
  const isMessage = (id: string) => messages?.some((message) => message.id === id) ?? false;
  return splitMessageIds(text, isMessage).map((piece, index) =>
    piece.isId ? (
      <MessageLink key={index} threadId={threadId} messageId={piece.text}>
        this message
      </MessageLink>
    ) : (
      piece.text
    ),
  );
}
