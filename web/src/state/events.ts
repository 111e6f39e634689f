import type {
  AcceptedTurn,
  Instructions,
  ServerInfo,
  Message,
  Summary,
  Thread,
  Turn,
  TurnEvent,
} from "../transport/protocol.ts";
import type { Draft, Panel, PageLocation, Post, State, SummaryWork } from "./state.ts";

/** Everything that can happen to the page, as past facts. `reduce` says what each of them changes. */
export type PageEvent =
  | { readonly type: "info.loaded"; readonly info: ServerInfo }
  | { readonly type: "access.changed"; readonly access: State["access"] }
  | { readonly type: "location.changed"; readonly location: PageLocation }
  | { readonly type: "panel.changed"; readonly panel: Panel | null }
  | {
      readonly type: "alert.raised";
      readonly text: string;
      readonly id: string;
      readonly about?: string;
    }
  | { readonly type: "alert.closed" }
  | { readonly type: "list.loading"; readonly archived: boolean }
  | {
      readonly type: "list.loaded";
      readonly archived: boolean;
      readonly threads: readonly Thread[];
      readonly cursor: string | null;
      readonly append: boolean;
    }
  | { readonly type: "list.failed"; readonly problem: string }
  | { readonly type: "thread.changed"; readonly thread: Thread }
  | { readonly type: "thread.removed"; readonly id: string }
  | { readonly type: "history.loading"; readonly threadId: string }
  | {
      readonly type: "history.loaded";
      readonly threadId: string;
      readonly messages: readonly Message[];
      readonly hasMore: boolean;
    }
  | {
      readonly type: "history.failed";
      readonly threadId: string;
      readonly problem: string;
      readonly missing: boolean;
    }
  | { readonly type: "older.loading"; readonly threadId: string }
  | {
      readonly type: "older.loaded";
      readonly threadId: string;
      readonly before: string;
      readonly messages: readonly Message[];
      readonly hasMore: boolean;
    }
  | { readonly type: "older.failed"; readonly threadId: string }
  | { readonly type: "post.added"; readonly post: Post }
  | {
      readonly type: "post.changed";
      readonly key: string;
      readonly status: Post["status"];
      readonly problem: string | null;
    }
  /** The reader says to send a post that waits for him. `during`: the turn that runs. */
  | { readonly type: "post.released"; readonly key: string; readonly during: string | null }
  | { readonly type: "post.removed"; readonly key: string }
  | {
      readonly type: "turn.accepted";
      readonly post: Post;
      readonly accepted: AcceptedTurn;
      readonly at: string;
    }
  | { readonly type: "turn.joined"; readonly turn: Turn }
  | { readonly type: "turn.event"; readonly threadId: string; readonly event: TurnEvent; readonly at: number }
  | {
      readonly type: "turn.connection";
      readonly threadId: string;
      readonly turnId: string;
      readonly connection: "open" | "lost";
    }
  | { readonly type: "turn.stopping"; readonly threadId: string; readonly stopping: boolean }
  | { readonly type: "turn.settled"; readonly turn: Turn }
  /** Neither its events nor its result can be read. */
  | { readonly type: "turn.lost"; readonly threadId: string; readonly turnId: string }
  | { readonly type: "message.changed"; readonly message: Message }
  | {
      readonly type: "instructions.loaded";
      readonly threadId: string;
      readonly instructions: Instructions;
    }
  | { readonly type: "summary.working"; readonly threadId: string; readonly work: SummaryWork | null }
  | {
      readonly type: "summary.loaded";
      readonly threadId: string;
      readonly summary: Summary;
      /** It contains the draft. */
      readonly saved: boolean;
      readonly outcome: string | null;
    }
  | { readonly type: "summary.failed"; readonly threadId: string; readonly outcome: string | null }
  | { readonly type: "summary.drafted"; readonly threadId: string; readonly draft: Draft | null };
