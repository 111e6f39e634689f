import type { JSX } from "preact";
import { useSelector } from "../../app/store.ts";
import icon from "../../images/icon.svg";
import { Icon, IconButton } from "../elements/icons.tsx";
import { opensNewTab, searchKeys } from "../elements/keyboard.ts";
import { useActions } from "../hooks/actions-context.ts";
import { ThemeButton } from "./ThemeButton.tsx";
import { ThreadList } from "./ThreadList.tsx";

interface SidebarProps {
  readonly onSearch: () => void;
  readonly onHide: () => void;
}

export function Sidebar({ onSearch, onHide }: SidebarProps): JSX.Element {
  const { threads, urls, navigate } = useActions();
  const archived = useSelector((state) => state.list.archived);
  const startNew = (event: MouseEvent) => {
    if (opensNewTab(event)) return;
    event.preventDefault();
    navigate({ threadId: null, messageId: null });
  };
  return (
    <nav class="sidebar" aria-label="Conversations">
      <div class="sidebar-head">
        <a class="brand" href={urls.home} onClick={startNew}>
          <img src={icon} alt="" width="24" height="24" />
          <span>Palaver</span>
        </a>
        <IconButton icon="panel" label="Hide the list" onClick={onHide} />
      </div>
      <div class="sidebar-actions">
        <a class="side-action" href={urls.home} onClick={startNew}>
          <Icon name="plus" />
          <span>New conversation</span>
        </a>
        <button type="button" class="side-action" onClick={onSearch}>
          <Icon name="search" />
          <span>Search</span>
          <kbd>{searchKeys}</kbd>
        </button>
      </div>
      <ThreadList />
      <div class="sidebar-foot">
        <button type="button" class="side-action" onClick={() => void threads.list(!archived)}>
          <Icon name={archived ? "left" : "archive"} />
          <span>{archived ? "Back to all" : "Archive"}</span>
        </button>
        <a class="icon-button" href={urls.usage} aria-label="Usage and cost" title="Usage and cost">
          <Icon name="chart" />
        </a>
        <ThemeButton />
      </div>
    </nav>
  );
}
