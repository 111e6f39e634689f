import type { JSX } from "preact";
import { isAnswerBranch, type Post } from "../../state/state.ts";
import { readDraft, replaceDraft } from "../../storage/drafts.ts";
import { useActions } from "../hooks/actions-context.ts";
import { Bubble } from "../message/Bubble.tsx";

/** A message or request that is not on the server yet. */
export function PendingPost({ post }: { readonly post: Post }): JSX.Element {
  const { turns, storage } = useActions();
  const edit = () => {
    const draft = readDraft(storage, post.threadId);
    replaceDraft(storage, post.threadId, draft === "" ? post.text : `${post.text}\n\n${draft}`);
    turns.dropPost(post.key);
  };
  const hasNoText = isAnswerBranch(post.branch);
  return (
    <article
      class={`message question ${post.status}`}
      aria-label={hasNoText ? "A request" : "Your message, not sent yet"}
    >
      {!hasNoText && <Bubble text={post.text} />}
      <p class="post-status" role={post.status === "failed" ? "alert" : undefined}>
        {post.status === "sending" && <span class="delayed">Sending</span>}
        {post.status === "queued" && <span>Queued until the answer is finished</span>}
        {post.status === "failed" && <span class="serious">Not sent: {post.problem}</span>}
        {post.status === "failed" && (
          <button type="button" class="text-button" onClick={() => turns.retryPost(post.key)}>
            Retry
          </button>
        )}
        {post.status !== "sending" && (
          <button
            type="button"
            class="text-button"
            onClick={hasNoText ? () => turns.dropPost(post.key) : edit}
          >
            {hasNoText ? "Dismiss" : "Edit"}
          </button>
        )}
      </p>
    </article>
  );
}
