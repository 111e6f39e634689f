import { useEffect, useState } from "preact/hooks";
import { onDraftReplaced, readDraft, saveDraft } from "../../storage/drafts.ts";
import { useActions } from "../hooks/actions-context.ts";

/** The text in the composer, kept per thread across reloads. */
export function useDraft(threadId: string | null): [string, (text: string) => void] {
  const { storage } = useActions();
  const load = () => ({ threadId, text: readDraft(storage, threadId) });
  const [draft, setDraft] = useState(load);
  const current = draft.threadId === threadId ? draft : load();
  if (current !== draft) setDraft(current);

  useEffect(() => onDraftReplaced(() => setDraft(load())), [threadId, storage]);

  const write = (text: string) => {
    saveDraft(storage, threadId, text);
    setDraft({ threadId, text });
  };
  return [current.text, write];
}
