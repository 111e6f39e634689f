import type { JSX } from "preact";
import { isAnotherAnswer, type Post } from "../../state/state.ts";
import { useDeeds } from "../hooks/actions-context.ts";
import { Bubble } from "../message/MessageView.tsx";

/** Something said that the server does not have yet. */
export function PostView({ post }: { readonly post: Post }): JSX.Element {
  const { turns, memory } = useDeeds();
  const takeBack = () => {
    const key = `draft.${post.threadId}`;
    const draft = memory.read(key);
    memory.write(key, draft === null ? post.text : `${post.text}\n\n${draft}`);
    dispatchEvent(new CustomEvent("palaver:draft", { detail: post.threadId }));
    turns.dropPost(post.key);
  };
  const again = isAnotherAnswer(post.branch);
  return (
    <article
      class={`message question ${post.status}`}
      aria-label={again ? "A request" : "Your message, not sent yet"}
    >
      {!again && <Bubble text={post.text} />}
      <p class="post-state" role={post.status === "failed" ? "alert" : undefined}>
        {post.status === "sending" && <Slowly text="Sending" />}
        {post.status === "queued" && <span>Queued for when the answer is finished</span>}
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
            onClick={again ? () => turns.dropPost(post.key) : takeBack}
          >
            {again ? "Dismiss" : "Edit"}
          </button>
        )}
      </p>
    </article>
  );
}

/** Shown by the style sheet only after a moment: most posts are gone before. */
function Slowly({ text }: { readonly text: string }): JSX.Element {
  return <span class="slowly">{text}</span>;
}
