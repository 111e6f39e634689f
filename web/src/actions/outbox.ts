// The queue of posts: sends one at a time per thread, in order.

import { nextPost } from "../state/outbox.ts";
import type { Branch, Post } from "../state/state.ts";
import type { Dependencies } from "./dependencies.ts";
import { createSender, type SendEvents } from "./sender.ts";

export function createOutbox(dependencies: Dependencies, events: SendEvents) {
  const { store, newId } = dependencies;
  const { send, setStatus } = createSender(dependencies, events);

  function post(threadId: string, text: string, branch: Branch, tier: string | null = null): void {
    const entry: Post = {
      key: newId(),
      threadId,
      messageId: newId(),
      text,
      branch,
      tier: store.state.info?.models.some((model) => model.tier === tier) ? tier : null,
      status: "queued",
      problem: null,
    };
    store.dispatch({ type: "post.added", post: entry });
    sendNext();
  }

  function sendNext(): void {
    for (let entry = nextPost(store.state); entry !== null; entry = nextPost(store.state)) {
      setStatus(entry.key, "sending");
      void send(entry).finally(sendNext);
    }
  }

  function retryPost(key: string): void {
    setStatus(key, "queued");
    sendNext();
  }

  function dropPost(key: string): void {
    store.dispatch({ type: "post.removed", key });
    sendNext();
  }

  return { post, sendNext, retryPost, dropPost };
}
