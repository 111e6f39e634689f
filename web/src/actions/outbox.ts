// The queue of posts: sends one at a time per thread, in order.

import { nextPost } from "../state/outbox.ts";
import type { Branch, Post } from "../state/state.ts";
import type { Dependencies } from "./dependencies.ts";
import { createSender, type SendEvents } from "./sender.ts";

export function createOutbox(dependencies: Dependencies, events: SendEvents) {
  const { store, newId } = dependencies;
  const { send, setStatus } = createSender(dependencies, events);

  const runningTurn = (threadId: string) => store.state.conversations[threadId]?.live?.turnId ?? null;
  const isStopping = (threadId: string) => store.state.conversations[threadId]?.live?.stopping ?? false;

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
      releasedDuring: isStopping(threadId) ? runningTurn(threadId) : null,
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
    const entry = store.state.outbox.find((post) => post.key === key);
    if (entry === undefined) return;
    store.dispatch({ type: "post.released", key, during: runningTurn(entry.threadId) });
    sendNext();
  }

  function dropPost(key: string): void {
    store.dispatch({ type: "post.removed", key });
    sendNext();
  }

  return { post, sendNext, retryPost, dropPost };
}
