import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { LiveTurn } from "../../state/state.ts";
import { Icon } from "../elements/icons.tsx";
import { isSendKey } from "../elements/keyboard.ts";
import { useActions } from "../hooks/actions-context.ts";
import { useAutoHeight } from "../hooks/use-auto-height.ts";
import { ModelChoice } from "./ModelChoice.tsx";
import { useDraft } from "./use-draft.ts";
import { WindowGauge } from "./WindowGauge.tsx";

interface ComposerProps {
  /** Null while a new conversation has no thread yet. */
  readonly threadId: string | null;
  readonly live: LiveTurn | null;
}

export function Composer({ threadId, live }: ComposerProps): JSX.Element {
  const { turns, startThread } = useActions();
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useDraft(threadId);
  const isReady = text.trim() !== "";

  useAutoHeight(field, text, { limit: () => Math.max(120, window.innerHeight * 0.4) });

  // Before the first paint, so that the first letters arrive here.
  useLayoutEffect(() => {
    // Not on touch screens: there the focus opens a keyboard that hides half of the page.
    if (matchMedia("(hover: hover)").matches) field.current?.focus({ preventScroll: true });
  }, [threadId]);

  const send = () => {
    if (!isReady) return;
    setText("");
    // Indentation at the start belongs to the message.
    if (threadId === null) startThread(text.trimEnd());
    else turns.send(threadId, text.trimEnd());
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        id="composer"
        aria-label="Message"
        placeholder={live === null ? "Write a message" : "Write the next message"}
        rows={1}
        dir="auto"
        value={text}
        enterkeyhint="enter"
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (!isSendKey(event)) return;
          event.preventDefault();
          send();
        }}
      />
      <div class="composer-row">
        <ModelChoice threadId={threadId} />
        <span class="composer-space" />
        <WindowGauge threadId={threadId} />
        {live !== null && threadId !== null && <StopButton threadId={threadId} live={live} />}
        {(live === null || isReady) && <SendButton queues={live !== null} disabled={!isReady} />}
      </div>
    </form>
  );
}

function StopButton({ threadId, live }: { readonly threadId: string; readonly live: LiveTurn }): JSX.Element {
  const { turns } = useActions();
  return (
    <button
      type="button"
      class="round quiet"
      aria-label="Stop"
      title="Stop (Esc)"
      disabled={live.stopping}
      onClick={() => void turns.stop(threadId)}
    >
      <Icon name="stop" />
    </button>
  );
}

interface SendProps {
  /** An answer is streaming: the message waits for its end. */
  readonly queues: boolean;
  readonly disabled: boolean;
}

function SendButton({ queues, disabled }: SendProps): JSX.Element {
  return (
    <button
      type="submit"
      class="round"
      aria-label={queues ? "Queue" : "Send"}
      title="Send (Enter)"
      disabled={disabled}
    >
      <Icon name="send" />
    </button>
  );
}
