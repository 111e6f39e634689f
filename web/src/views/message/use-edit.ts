import { useState } from "preact/hooks";
import { readEdit, saveEdit } from "../../storage/drafts.ts";
import type { Message } from "../../transport/protocol.ts";
import { useActions } from "../hooks/actions-context.ts";

/** The text of a message while it is edited, else null. It is kept until it is sent or given up, also across reloads. */
export function useEdit({ thread_id: threadId, id }: Message) {
  const { storage } = useActions();
  const [edited, setEdited] = useState(() => readEdit(storage, threadId, id));
  const write = (text: string | null) => {
    saveEdit(storage, threadId, id, text);
    setEdited(text);
  };
  return { edited, edit: write, close: () => write(null) };
}
