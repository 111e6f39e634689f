import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { useSelector } from "../../app/store.ts";
import type { Thread } from "../../transport/protocol.ts";
import { Icon, IconButton, type IconName } from "../elements/icons.tsx";
import { useActions } from "../hooks/actions-context.ts";
import { useRowState } from "../hooks/use-row-state.ts";
import { InstructionsDialog } from "./InstructionsDialog.tsx";
import { DeleteDialog, RenameDialog } from "./thread-dialogs.tsx";
import { useMenu } from "./use-menu.ts";

type ThreadDialog = "rename" | "instructions" | "delete";

interface MenuProps {
  readonly thread: Thread;
  /** The edge that the open menu shares with its button. */
  readonly side: "left" | "right";
}

/** Rename, archive, delete; and instructions and summary of the thread on screen. */
export function ThreadMenu({ thread, side }: MenuProps): JSX.Element {
  const { threads } = useActions();
  // The list may move the row to another group, and the dialog with it.
  const id = `menu.${side}.${thread.id}`;
  const [isOpen, setOpen] = useState(false);
  const [dialog, setDialog] = useRowState<ThreadDialog | null>(`${id}.dialog`, null);
  const [rename, setRename] = useRowState<string | null>(`${id}.title`, null);
  const frame = useRef<HTMLDivElement>(null);
  const title = thread.title ?? "New conversation";
  const close = () => setOpen(false);
  useMenu(frame, isOpen, side, close);

  return (
    <div class={`thread-menu ${isOpen ? "open" : ""}`} ref={frame}>
      <IconButton
        icon="more"
        label={`More for ${title}`}
        expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      />
      {isOpen && (
        <div class="menu" role="menu" aria-label={title}>
          <MenuItems thread={thread} onClose={close} onDialog={setDialog} />
        </div>
      )}
      {dialog === "rename" && (
        <RenameDialog
          title={rename ?? thread.title ?? ""}
          onInput={setRename}
          onClose={() => {
            setRename(null);
            setDialog(null);
          }}
          onRename={(changed) => {
            setRename(null);
            setDialog(null);
            void threads.change(thread.id, { title: changed });
          }}
        />
      )}
      {dialog === "instructions" && (
        <InstructionsDialog threadId={thread.id} onClose={() => setDialog(null)} />
      )}
      {dialog === "delete" && (
        <DeleteDialog
          title={title}
          onClose={() => setDialog(null)}
          onDelete={() => {
            setDialog(null);
            void threads.remove(thread.id);
          }}
        />
      )}
    </div>
  );
}

interface ItemsProps {
  readonly thread: Thread;
  readonly onClose: () => void;
  readonly onDialog: (dialog: ThreadDialog) => void;
}

function MenuItems({ thread, onClose, onDialog }: ItemsProps): JSX.Element {
  const { threads, summaries } = useActions();
  const isShown = useSelector((state) => state.location.threadId === thread.id);
  const item = (icon: IconName, label: string, act: () => void, options: ItemOptions = {}) => {
    const select = () => {
      onClose();
      act();
    };
    return <MenuItem key={label} icon={icon} label={label} onSelect={select} {...options} />;
  };
  return (
    <>
      {item("edit", "Rename", () => onDialog("rename"))}
      {item(
        "archive",
        thread.archived ? "Unarchive" : "Archive",
        () => void threads.change(thread.id, { archived: !thread.archived }),
      )}
      {isShown && item("sliders", "Instructions", () => onDialog("instructions"))}
      {isShown && item("lines", "Show the summary", () => void summaries.show(thread.id))}
      {isShown && item("compact", "Compact now", () => void summaries.compact(thread.id))}
      {isShown && item("print", "Print", () => void threads.print(thread.id))}
      {item("trash", "Delete", () => onDialog("delete"), { danger: true })}
    </>
  );
}

interface ItemOptions {
  readonly danger?: boolean;
}

interface ItemProps extends ItemOptions {
  readonly icon: IconName;
  readonly label: string;
  readonly onSelect: () => void;
}

function MenuItem({ icon, label, onSelect, danger = false }: ItemProps): JSX.Element {
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      class={danger ? "menu-item danger" : "menu-item"}
      onClick={onSelect}
    >
      <Icon name={icon} />
      {label}
    </button>
  );
}
