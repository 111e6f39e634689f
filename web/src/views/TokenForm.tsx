import icon from "../images/icon.svg";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useDeeds } from "./hooks/actions-context.ts";

export function TokenForm({ refused }: { readonly refused: boolean }): JSX.Element {
  const { useToken } = useDeeds();
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <main class="gate">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") useToken(token.trim(), remember);
        }}
      >
        <img src={icon} alt="" width="40" height="40" />
        <h1>Palaver</h1>
        <p>This server asks for an access token. Whoever runs it can give you one.</p>
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
