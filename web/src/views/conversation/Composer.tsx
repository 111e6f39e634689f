import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Live, threadAt } from "../../state/state.ts";
import { useSelect } from "../../app/store.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { Gauge } from "./WindowGauge.tsx";
import { Icon } from "../elements/icons.tsx";
import { isSendKey } from "../elements/keyboard.ts";

interface ComposerProps {
  /** Null while a new conversation has no thread yet. */
  readonly threadId: string | null;
  readonly live: Live | null;
}

export function Composer({ threadId, live }: ComposerProps): JSX.Element {
  const { turns, start } = useDeeds();
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useDraft(threadId);
  const ready = text.trim() !== "";

  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${Math.min(current.scrollHeight, Math.max(120, window.innerHeight * 0.4))}px`;
  }, [text]);

  useEffect(() => {
    // A touch keyboard that opens by itself hides half of the page.
    if (matchMedia("(hover: hover)").matches) field.current?.focus({ preventScroll: true });
  }, [threadId]);

  const send = () => {
    if (!ready) return;
    const said = text.trim();
    setText("");
    if (threadId === null) start(said);
    else turns.say(threadId, said);
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
        <Gauge threadId={threadId} />
        {live !== null && threadId !== null && (
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
        )}
        {(live === null || ready) && (
          <button
            type="submit"
            class="round"
            aria-label={live === null ? "Send" : "Queue"}
            title="Send (Enter)"
            disabled={!ready}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}

/** The text of the composer, kept per thread across reloads. */
function useDraft(threadId: string | null): [string, (text: string) => void] {
  const { memory } = useDeeds();
  const key = `draft.${threadId ?? "new"}`;
  const [draft, setDraft] = useState({ key, text: memory.read(key) ?? "" });
  const current = draft.key === key ? draft : { key, text: memory.read(key) ?? "" };
  if (current !== draft) setDraft(current);

  useEffect(() => {
    const reread = () => setDraft({ key, text: memory.read(key) ?? "" });
    addEventListener("palaver:draft", reread);
    return () => removeEventListener("palaver:draft", reread);
  }, [key, memory]);

  const write = (text: string) => {
    memory.write(key, text);
    setDraft({ key, text });
  };
  return [current.text, write];
}

function ModelChoice({ threadId }: { readonly threadId: string | null }): JSX.Element | null {
  const { memory } = useDeeds();
  const info = useSelect((state) => state.info);
  const [model, setModel] = useState(memory.read("model") ?? "");
  const pinned = useSelect((state) => threadAt(state, threadId)?.tier ?? null);
  const models = info?.models ?? [];
  const pin = models.find(({ tier }) => tier === pinned);
  if (models.length < 2) return null;
  const known = models.some(({ id }) => id === model);
  return (
    <label class="model-choice">
      <span class="visually-hidden">Model</span>
      <select
        value={known ? model : ""}
        onChange={({ currentTarget }) => {
          memory.write("model", currentTarget.value);
          setModel(currentTarget.value);
        }}
      >
        <option value="">{pin === undefined ? "Automatic" : `Pinned: ${pin.label}`}</option>
        {models.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
