import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Conversation, emptyConversation, threadAt } from "../../state/state.ts";
import { useSelector } from "../../app/store.ts";
import { Composer } from "./Composer.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { EmptyConversation } from "./EmptyConversation.tsx";
import { FindBar } from "./FindBar.tsx";
import { IconButton } from "../elements/icons.tsx";
import { MessageList } from "./MessageList.tsx";
import { Alert, Notice } from "./Notice.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { ThreadMenu } from "../thread-menu/ThreadMenu.tsx";

interface ConversationProps {
  readonly onList: () => void;
  /** The list covers it, so it cannot be used. */
  readonly covered: boolean;
}

export function ConversationView({ onList, covered }: ConversationProps): JSX.Element {
  const threadId = useSelector((state) => state.location.threadId);
  const conversation = useSelector((state) =>
    threadId === null ? undefined : state.conversations[threadId],
  );
  const isPending = useSelector((state) => state.outbox.some((post) => post.threadId === threadId));
  const isNew =
    threadId === null ||
    (isPending && (conversation?.messages.length ?? 0) === 0 && conversation?.phase !== "ready");
  return (
    <main class="conversation" inert={covered}>
      <Header threadId={threadId} onList={onList} listed={covered} />
      <Notice />
      {threadId !== null && <FindBar key={threadId} threadId={threadId} />}
      {threadId === null ? (
        <EmptyConversation />
      ) : (
        <Body key={threadId} id={threadId} conversation={conversation} isNew={isNew} />
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
  readonly isNew: boolean;
}

function Body({ id, conversation, isNew }: BodyProps): JSX.Element {
  const { threads, navigate } = useActions();
  if (isNew || conversation?.phase === "ready") {
    return <MessageList conversation={conversation ?? emptyConversation(id, "ready")} />;
  }
  if (conversation?.phase === "failed" || conversation?.phase === "missing") {
    const isMissing = conversation.phase === "missing";
    return (
      <div class="page-problem" role="alert">
        <h1>{isMissing ? "This conversation does not exist" : "The conversation could not be loaded"}</h1>
        <p>{isMissing ? "It may have been deleted, or the address is wrong." : conversation.problem}</p>
        {isMissing ? (
          <button
            type="button"
            class="button primary"
            onClick={() => navigate({ threadId: null, messageId: null })}
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
  const { navigate } = useActions();
  const thread = useSelector((state) => threadAt(state, threadId));
  // Created by a post that is not on the server yet. Any other thread that is unknown is loading or missing.
  const isCreated = useSelector((state) => state.outbox.some((post) => post.threadId === threadId));
  const title = thread?.title ?? null;
  const heading = thread !== undefined || isCreated ? (title ?? "New conversation") : null;
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
      {heading !== null && (
        <h1 class="head-title" dir="auto">
          {heading}
        </h1>
      )}
      {thread?.archived && <span class="head-note">Archived</span>}
      {thread !== undefined && <ThreadMenu thread={thread} side="left" />}
      <IconButton
        icon="plus"
        label="New conversation"
        class="new-conversation"
        onClick={() => navigate({ threadId: null, messageId: null })}
      />
    </header>
  );
}
