import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Conversation, emptyConversation, threadAt } from "../../state/state.ts";
import { useSelect } from "../../app/store.ts";
import { Composer } from "./Composer.tsx";
import { useDeeds } from "../hooks/actions-context.ts";
import { Empty } from "./EmptyConversation.tsx";
import { IconButton } from "../elements/icons.tsx";
import { MessageList } from "./MessageList.tsx";
import { Alert, Notice } from "./Notice.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { ThreadMenu } from "../thread-menu/ThreadMenu.tsx";

interface ConversationProps {
  readonly onList: () => void;
  /** The list lies over it: it cannot be reached meanwhile. */
  readonly covered: boolean;
}

export function ConversationView({ onList, covered }: ConversationProps): JSX.Element {
  const threadId = useSelect((state) => state.place.threadId);
  const conversation = useSelect((state) => (threadId === null ? undefined : state.conversations[threadId]));
  const waiting = useSelect((state) => state.outbox.some((post) => post.threadId === threadId));
  const fresh =
    threadId === null ||
    (waiting && (conversation?.messages.length ?? 0) === 0 && conversation?.phase !== "ready");
  return (
    <main class="conversation" inert={covered}>
      <Header threadId={threadId} onList={onList} listed={covered} />
      <Notice />
      {threadId === null ? (
        <Empty />
      ) : (
        <Body key={threadId} id={threadId} conversation={conversation} fresh={fresh} />
      )}
      <div class="dock">
        <Alert />
        {conversation?.phase !== "missing" && (
          <Composer threadId={threadId} live={conversation?.live ?? null} />
        )}
        <p class="dock-note">Answers can be wrong. Check what matters.</p>
      </div>
    </main>
  );
}

interface BodyProps {
  readonly id: string;
  readonly conversation: Conversation | undefined;
  readonly fresh: boolean;
}

function Body({ id, conversation, fresh }: BodyProps): JSX.Element {
  const { threads, go } = useDeeds();
  if (fresh || conversation?.phase === "ready") {
    return <MessageList conversation={conversation ?? emptyConversation(id, "ready")} />;
  }
  if (conversation?.phase === "failed" || conversation?.phase === "missing") {
    const missing = conversation.phase === "missing";
    return (
      <div class="page-problem" role="alert">
        <h1>{missing ? "This conversation does not exist" : "The conversation could not be loaded"}</h1>
        <p>{missing ? "It may have been deleted, or the address is not right." : conversation.problem}</p>
        {missing ? (
          <button
            type="button"
            class="button primary"
            onClick={() => go({ threadId: null, messageId: null })}
          >
            Start a new one
          </button>
        ) : (
          <button type="button" class="button primary" onClick={() => void threads.open(id)}>
            Try again
          </button>
        )}
      </div>
    );
  }
  return (
    <div class="messages-frame">
      <div class="column loading">
        <Skeleton lines={1} label="Loading messages" />
        <Skeleton lines={5} label="Loading messages" />
        <Skeleton lines={1} label="Loading messages" />
        <Skeleton lines={4} label="Loading messages" />
      </div>
    </div>
  );
}

function Header({
  threadId,
  onList,
  listed,
}: {
  readonly threadId: string | null;
  readonly onList: () => void;
  readonly listed: boolean;
}): JSX.Element {
  const { go } = useDeeds();
  const thread = useSelect((state) => threadAt(state, threadId));
  // Said here first: the server does not have it yet. Anything else without a thread is still loading, or is not there.
  const begun = useSelect((state) => state.outbox.some((post) => post.threadId === threadId));
  const title = thread?.title ?? null;
  const shown = thread !== undefined || begun ? (title ?? "New conversation") : null;
  useEffect(() => {
    document.title = title === null ? "Palaver" : `${title} · Palaver`;
  }, [title]);
  return (
    <header class="head">
      <IconButton
        icon="menu"
        label="Show or hide the list"
        class="list-toggle"
        expanded={listed}
        onClick={onList}
      />
      {shown !== null && (
        <h1 class="head-title" dir="auto">
          {shown}
        </h1>
      )}
      {thread?.archived && <span class="head-note">Archived</span>}
      {thread !== undefined && <ThreadMenu thread={thread} side="left" />}
      <IconButton
        icon="plus"
        label="New conversation"
        class="new-here"
        onClick={() => go({ threadId: null, messageId: null })}
      />
    </header>
  );
}
