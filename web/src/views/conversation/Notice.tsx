import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useSelect } from "../../app/store.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { IconButton } from "../elements/icons.tsx";

/** Says that the small local demo model answers. Gone for this session once closed. */
export function Notice(): JSX.Element | null {
  const { session } = useDeeds();
  const notice = useSelect((state) => state.info?.notice ?? null);
  const [closed, setClosed] = useState(session.read("notice"));
  if (notice === null || closed === notice) return null;
  return (
    <aside class="notice" aria-label="Notice">
      <p>{notice}</p>
      <IconButton
        icon="close"
        label="Close the notice"
        onClick={() => {
          session.write("notice", notice);
          setClosed(notice);
        }}
      />
    </aside>
  );
}

/** The last thing that went wrong; it never covers what one was doing. */
export function Alert(): JSX.Element | null {
  const { store } = useDeeds();
  const alert = useSelect((state) => state.alert);
  if (alert === null) return null;
  return (
    <div class="alert" role="alert" key={alert.id}>
      <p>{alert.text}</p>
      <IconButton icon="close" label="Close" onClick={() => store.dispatch({ type: "alert.closed" })} />
    </div>
  );
}
