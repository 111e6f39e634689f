import type { JSX } from "preact";
import { isAnswerBranch, type Post, waitsForReader } from "../../state/state.ts";
import { readDraft, replaceDraft } from "../../storage/drafts.ts";
import { useActions } from "../hooks/actions-context.ts";
import { Bubble } from "../message/Bubble.tsx";

/** A message or request that is not on the server yet. */
export function PendingPost({ post }: { readonly post: Post }): JSX.Element {
  const hasNoText = isAnswerBranch(post.branch);
  return (
    <article
      class={`message question ${post.status}`}
      aria-label={hasNoText ? "A request" : "Your message, not sent yet"}
    >
      {!hasNoText && <Bubble id={post.key} text={post.text} />}
      <p class="post-status" role={waitsForReader(post) ? "alert" : undefined}>
        <Status post={post} />
        <Buttons post={post} />
      </p>
    </article>
  );
}

function Status({ post: { status, problem } }: { readonly post: Post }): JSX.Element {
  switch (status) {
    case "sending":
      return <span class="delayed">Sending</span>;
    case "queued":
      return <span>Queued until the answer is finished</span>;
    case "offline":
      return <span>No connection. It is sent when the server is back.</span>;
    case "held":
      return <span>{problem ?? "The answer did not finish."} Send this now?</span>;
    case "failed":
      return <span class="serious">Not sent: {problem}</span>;
  }
}

function Buttons({ post }: { readonly post: Post }): JSX.Element {
  const { turns, storage } = useActions();
  const { status, key } = post;
  const edit = () => {
    const draft = readDraft(storage, post.threadId);
    replaceDraft(storage, post.threadId, draft === "" ? post.text : `${post.text}\n\n${draft}`);
    turns.dropPost(key);
  };
  const hasNoText = isAnswerBranch(post.branch);
  return (
    <>
      {waitsForReader(post) && (
        <button type="button" class="text-button" onClick={() => turns.retryPost(key)}>
          {status === "held" ? "Send" : "Retry"}
        </button>
      )}
      {status === "offline" && (
        <button type="button" class="text-button" onClick={turns.reconnect}>
          Retry now
        </button>
      )}
      {status !== "sending" && (
        <button type="button" class="text-button" onClick={hasNoText ? () => turns.dropPost(key) : edit}>
          {hasNoText ? "Dismiss" : "Edit"}
        </button>
      )}
    </>
  );
}
