import { useEffect, useState } from "preact/hooks";
import { reasonOf } from "../../actions/dependencies.ts";
import type { TurnContext } from "../../transport/protocol.ts";
import { useDeeds } from "./actions-context.ts";

interface Loaded {
  readonly turnId: string;
  readonly context: TurnContext | null;
  readonly problem: string | null;
}

/** What a turn's model was told; null while it is on its way. */
export function useTurnContext(turnId: string | null): Loaded | null {
  const { api } = useDeeds();
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  useEffect(() => {
    if (turnId === null) return;
    let wanted = true;
    api.context(turnId).then(
      (context) => wanted && setLoaded({ turnId, context, problem: null }),
      (error: unknown) => wanted && setLoaded({ turnId, context: null, problem: reasonOf(error) }),
    );
    return () => {
      wanted = false;
    };
  }, [api, turnId]);
  return loaded?.turnId === turnId ? loaded : null;
}
