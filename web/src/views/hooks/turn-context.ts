import { useEffect, useState } from "preact/hooks";
import { errorMessage } from "../../transport/http.ts";
import type { TurnContext } from "../../transport/protocol.ts";
import { useActions } from "./actions-context.ts";

interface LoadedContext {
  readonly turnId: string;
  readonly context: TurnContext | null;
  readonly problem: string | null;
}

/** Loads the context report of a turn; null while it is loading. */
export function useTurnContext(turnId: string | null): LoadedContext | null {
  const { api } = useActions();
  const [loaded, setLoaded] = useState<LoadedContext | null>(null);
  useEffect(() => {
    if (turnId === null) return;
    let isCurrent = true;
    api.context(turnId).then(
      (context) => isCurrent && setLoaded({ turnId, context, problem: null }),
      (error: unknown) => isCurrent && setLoaded({ turnId, context: null, problem: errorMessage(error) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [api, turnId]);
  return loaded?.turnId === turnId ? loaded : null;
}
