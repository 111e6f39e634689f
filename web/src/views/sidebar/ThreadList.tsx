import type { JSX } from "preact";
import { useSelector } from "../../app/store.ts";
import { groupByAge } from "../../format/times.ts";
import type { Thread } from "../../transport/protocol.ts";
import { opensNewTab } from "../elements/keyboard.ts";
import { memo } from "../elements/memo.tsx";
import { Skeleton } from "../elements/Skeleton.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { ThreadMenu } from "../thread-menu/ThreadMenu.tsx";

/** The conversations, grouped by age: either the archived ones or the others. */
export function ThreadList(): JSX.Element {
  const { threads } = useActions();
  const list = useSelector((state) => state.list);
  const openId = useSelector((state) => state.location.threadId);
  return (
    <div class="thread-list">
      {list.archived && <p class="list-note">Archived conversations</p>}
      {list.phase === "loading" && <Skeleton lines={6} label="Loading conversations" />}
      {list.phase === "failed" && (
        <div class="list-note">
          <p>{list.problem}</p>
          <button type="button" class="text-button" onClick={() => void threads.list()}>
            Try again
          </button>
        </div>
      )}
      {list.phase === "ready" && list.threads.length === 0 && (
        <p class="list-note">{list.archived ? "No archived conversations." : "No conversations yet."}</p>
      )}
      {groupByAge(list.threads, (thread) => thread.updated_at, new Date()).map((group) => (
        <section key={group.label} aria-label={group.label}>
          <h2>{group.label}</h2>
          <ul>
            {group.items.map((thread) => (
              <ThreadRow key={thread.id} thread={thread} current={thread.id === openId} />
            ))}
          </ul>
        </section>
      ))}
      {list.cursor !== null && (
        <button type="button" class="text-button more" onClick={() => void threads.moreThreads()}>
          Show older
        </button>
      )}
    </div>
  );
}

interface RowProps {
  readonly thread: Thread;
  readonly current: boolean;
}

const ThreadRow = memo(function ThreadRow({ thread, current }: RowProps): JSX.Element {
  const { urls, navigate } = useActions();
  const location = { threadId: thread.id, messageId: null };
  const status = thread.running_turn_id !== null ? "running" : thread.unread ? "unread" : null;
  return (
    <li class={current ? "thread-row current" : "thread-row"}>
      <a
        href={urls.to(location)}
        aria-current={current ? "page" : undefined}
        onClick={(event) => {
          if (opensNewTab(event)) return;
          event.preventDefault();
          navigate(location);
        }}
      >
        <span class={thread.title === null ? "thread-title untitled" : "thread-title"} dir="auto">
          {thread.title ?? "New conversation"}
        </span>
        {status !== null && (
          <span class={`dot ${status}`}>
            <span class="visually-hidden">{status === "running" ? "answering" : "unread"}</span>
          </span>
        )}
      </a>
      <ThreadMenu thread={thread} side="right" />
    </li>
  );
});
