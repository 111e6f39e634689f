import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import icon from "../images/icon.svg";
import { useActions } from "./hooks/actions-context.ts";

/** Asks for the access token. */
export function TokenForm({ refused }: { readonly refused: boolean }): JSX.Element {
  const { useToken } = useActions();
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <main class="token-page">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") useToken(token.trim(), remember);
        }}
      >
        <img src={icon} alt="" width="40" height="40" />
        <h1>Palaver</h1>
        <p>This server requires an access token. Ask its operator for one.</p>
        <label class="field-label">
          Access token
          <input
            ref={field}
            class="field"
            type="password"
            autocomplete="current-password"
            value={token}
            aria-invalid={refused}
            aria-describedby={refused ? "refused" : undefined}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>
        {refused && (
          <p id="refused" class="serious" role="alert">
            The server did not accept this token.
          </p>
        )}
        <label class="check">
          <input
            type="checkbox"
            checked={remember}
            onChange={({ currentTarget }) => setRemember(currentTarget.checked)}
          />
          Remember on this device
        </label>
        <button type="submit" class="button primary" disabled={token.trim() === ""}>
          Continue
        </button>
      </form>
    </main>
  );
}
