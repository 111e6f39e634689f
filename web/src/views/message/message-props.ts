import type { Route } from "../../state/state.ts";
import type { Message } from "../../transport/protocol.ts";

export interface MessageProps {
  readonly message: Message;
  readonly route: Route | null;
  readonly last: boolean;
  /** Another turn runs: what would start one waits. */
  readonly busy: boolean;
  readonly activity: string | null;
}
