import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import { useActions } from "../hooks/actions-context.ts";
import { IconButton } from "../elements/icons.tsx";

/** A notice of the server, for example that the local demo model answers. Once closed, it stays closed in this tab. */
export function Notice(): JSX.Element | null {
  const { tabStorage } = useActions();
  const notice = useSelector((state) => state.info?.notice ?? null);
  const [closed, setClosed] = useState(tabStorage.read("notice"));
  if (notice === null || closed === notice) return null;
  return (
    <aside class="notice" aria-label="Notice">
      <p>{notice}</p>
      <IconButton
        icon="close"
        label="Close the notice"
        onClick={() => {
          tabStorage.write("notice", notice);
          setClosed(notice);
        }}
      />
    </aside>
  );
}

/** The last failure. It never covers the composer. */
export function Alert(): JSX.Element | null {
  const { store, navigate } = useActions();
  const alert = useSelector((state) => state.alert);
  if (alert === null) return null;
  const { threadId } = alert;
  return (
    <div class="alert" role="alert" key={alert.id}>
      <p>{alert.text}</p>
      {threadId !== null && (
        <button type="button" class="text-button" onClick={() => navigate({ threadId, messageId: null })}>
          Show
        </button>
      )}
      <IconButton icon="close" label="Close" onClick={() => store.dispatch({ type: "alert.closed" })} />
    </div>
  );
}
