import type { Route } from "../../state/state.ts";
import type { Message } from "../../transport/protocol.ts";

export interface MessageProps {
  readonly message: Message;
  readonly route: Route | null;
  /** The newest message of the branch. */
  readonly last: boolean;
  /** A turn runs in the thread, so no other can start. */
  readonly busy: boolean;
  readonly activity: string | null;
  /** The connection to the running answer is lost. */
  readonly lost: boolean;
}
