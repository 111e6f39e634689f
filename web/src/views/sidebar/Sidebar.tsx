import icon from "../../images/icon.svg";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { pathOf } from "../../app/url.ts";
import type { Thread } from "../../transport/protocol.ts";
import { useSelect } from "../../app/store.ts";
import type { ThemeChoice } from "../../app/theme.ts";
import { byAge } from "../../format/times.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { Icon, IconButton, type IconName } from "../elements/icons.tsx";
import { searchKeys } from "../elements/keyboard.ts";
import { Skeleton } from "../elements/Skeleton.tsx";
import { steady } from "../elements/memo.tsx";
import { ThreadMenu } from "../thread-menu/ThreadMenu.tsx";

interface SidebarProps {
  readonly onSearch: () => void;
  readonly onHide: () => void;
}

export function Sidebar({ onSearch, onHide }: SidebarProps): JSX.Element {
  const { threads, go } = useDeeds();
  const list = useSelect((state) => state.list);
  const here = useSelect((state) => state.place.threadId);
  const toNew = (event: MouseEvent) => {
    if (opensElsewhere(event)) return;
    event.preventDefault();
    go({ threadId: null, messageId: null });
  };
  return (
    <nav class="sidebar" aria-label="Conversations">
      <div class="sidebar-head">
        <a class="brand" href="/" onClick={toNew}>
          <img src={icon} alt="" width="24" height="24" />
          <span>Palaver</span>
        </a>
        <IconButton icon="panel" label="Hide the list" onClick={onHide} />
      </div>
      <div class="sidebar-actions">
        <a class="side-action" href="/" onClick={toNew}>
          <Icon name="plus" />
          <span>New conversation</span>
        </a>
        <button type="button" class="side-action" onClick={onSearch}>
          <Icon name="search" />
          <span>Search</span>
          <kbd>{searchKeys}</kbd>
        </button>
      </div>
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
          <p class="list-note">
            {list.archived ? "Nothing is archived." : "Conversations will be listed here."}
          </p>
        )}
        {byAge(list.threads, (thread) => thread.updated_at, new Date()).map((group) => (
          <section key={group.label} aria-label={group.label}>
            <h2>{group.label}</h2>
            <ul>
              {group.items.map((thread) => (
                <ThreadRow key={thread.id} thread={thread} here={thread.id === here} />
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
      <div class="sidebar-foot">
        <button type="button" class="side-action" onClick={() => void threads.list(!list.archived)}>
          <Icon name={list.archived ? "left" : "archive"} />
          <span>{list.archived ? "Back to all" : "Archive"}</span>
        </button>
        <a class="icon-button" href="/usage" aria-label="Usage and cost" title="Usage and cost">
          <Icon name="chart" />
        </a>
        <ThemeButton />
      </div>
    </nav>
  );
}

const ThreadRow = steady(function ThreadRow({
  thread,
  here,
}: {
  readonly thread: Thread;
  readonly here: boolean;
}): JSX.Element {
  const { go } = useDeeds();
  const place = { threadId: thread.id, messageId: null };
  const mark = thread.running_turn_id !== null ? "running" : thread.unread ? "unread" : null;
  return (
    <li class={here ? "thread-row here" : "thread-row"}>
      <a
        href={pathOf(place)}
        aria-current={here ? "page" : undefined}
        onClick={(event) => {
          if (opensElsewhere(event)) return;
          event.preventDefault();
          go(place);
        }}
      >
        <span class={thread.title === null ? "thread-title untitled" : "thread-title"} dir="auto">
          {thread.title ?? "New conversation"}
        </span>
        {mark !== null && (
          <span class={`dot ${mark}`}>
            <span class="visually-hidden">{mark === "running" ? "answering" : "unread"}</span>
          </span>
        )}
      </a>
      <ThreadMenu thread={thread} side="right" />
    </li>
  );
});

export function opensElsewhere(event: MouseEvent): boolean {
  return event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}

const THEMES: readonly { readonly choice: ThemeChoice; readonly icon: IconName; readonly label: string }[] = [
  { choice: "system", icon: "system", label: "Theme: as the system" },
  { choice: "light", icon: "sun", label: "Theme: light" },
  { choice: "dark", icon: "moon", label: "Theme: dark" },
];

function ThemeButton(): JSX.Element {
  const { theme } = useDeeds();
  const [choice, setChoice] = useState(theme.choice());
  const at = THEMES.findIndex((each) => each.choice === choice);
  const shown = THEMES[at] ?? THEMES[0];
  const next = THEMES[(at + 1) % THEMES.length]?.choice ?? "system";
  return (
    <IconButton
      icon={shown?.icon ?? "system"}
      label={shown?.label ?? "Theme"}
      onClick={() => {
        theme.choose(next);
        setChoice(next);
      }}
    />
  );
}
