// Saying something, and following what comes back.

import { ApiError, type TurnRequest } from "../transport/api.ts";
import { follow } from "../transport/follow.ts";
import type { Message } from "../transport/protocol.ts";
import { nextPost, pauseBefore } from "../state/outbox.ts";
import type { Branch, Post } from "../state/state.ts";
import { attempt, isMissing, reasonOf, type World } from "./dependencies.ts";

export type Turns = ReturnType<typeof createTurns>;

const ATTEMPTS = 4;

export function createTurns(
  world: World,
  reopen: (threadId: string) => Promise<void>,
  settled: (threadId: string) => Promise<void>,
) {
  const { api, store, newId, now, sleep } = world;
  const followers = new Set<string>();
  // Following ends with the turn: what runs in another thread shall be there when one comes back to it.
  const never = new AbortController();

  function post(threadId: string, text: string, branch: Branch): void {
    const model = world.memory.read("model");
    const entry: Post = {
      key: newId(),
      threadId,
      messageId: newId(),
      text,
      branch,
      model: store.state.info?.models.some(({ id }) => id === model) ? model : null,
      status: "queued",
      problem: null,
    };
    store.dispatch({ type: "post.added", post: entry });
    sendNext();
  }

  function sendNext(): void {
    const entry = nextPost(store.state);
    if (entry === null) return;
    store.dispatch({ type: "post.changed", key: entry.key, status: "sending", problem: null });
    void send(entry).finally(sendNext);
  }

  /** Sends one post; the key makes every repeat harmless, so a lost answer is simply asked for again. */
  async function send(entry: Post): Promise<void> {
    for (let attemptNumber = 1; ; attemptNumber++) {
      try {
        // Repeating a known id is fine, so a thread that was never created needs no other way.
        if ((store.state.conversations[entry.threadId]?.messages.length ?? 0) === 0) {
          const thread = await api.createThread(entry.threadId);
          store.dispatch({ type: "thread.changed", thread });
        }
        const accepted = await api.startTurn(entry.threadId, entry.key, requestOf(entry));
        store.dispatch({ type: "turn.accepted", post: entry, accepted, at: now().toISOString() });
        world.tell(entry.threadId);
        void join(entry.threadId, accepted.id);
        return;
      } catch (error) {
        if (error instanceof ApiError && error.code === "thread_busy") return waitForOther(entry);
        const pause = error instanceof ApiError ? pauseBefore(error, attemptNumber) : null;
        if (pause === null) {
          const problem = reasonOf(error);
          store.dispatch({ type: "post.changed", key: entry.key, status: "failed", problem });
          return;
        }
        await sleep(pause * 1000);
      }
    }
  }

  /** Another tab was faster: its turn is shown, ours waits for it. */
  async function waitForOther(entry: Post): Promise<void> {
    await reopen(entry.threadId);
    await sleep(1500);
    store.dispatch({ type: "post.changed", key: entry.key, status: "queued", problem: null });
  }

  /** Shows a turn that was already running when this page came. */
  async function attach(turnId: string): Promise<void> {
    if (followers.has(turnId)) return;
    const turn = await api.turn(turnId);
    if (turn.status !== "running") {
      store.dispatch({ type: "turn.settled", turn });
      return;
    }
    store.dispatch({ type: "turn.joined", turn });
    void join(turn.thread_id, turnId);
  }

  async function join(threadId: string, turnId: string): Promise<void> {
    if (followers.has(turnId)) return;
    followers.add(turnId);
    try {
      await follow({
        after: 0,
        signal: never.signal,
        open: (after, signal) => api.events(turnId, after, signal),
        sleep,
        random: Math.random,
        onEvent: (event) => store.defer({ type: "turn.event", threadId, event, at: now().getTime() }),
        onConnection: (connection) =>
          store.dispatch({ type: "turn.connection", threadId, turnId, connection }),
      });
      await settle(threadId, turnId);
    } catch (error) {
      store.dispatch({
        type: "alert.raised",
        text: `The answer was lost from view. ${reasonOf(error)}`,
        id: newId(),
      });
    } finally {
      followers.delete(turnId);
      sendNext();
    }
  }

  /** The stored turn is the authority on the outcome: it brings cost, usage and siblings. */
  async function settle(threadId: string, turnId: string): Promise<void> {
    for (let attemptNumber = 1; attemptNumber <= ATTEMPTS; attemptNumber++) {
      try {
        const turn = await api.turn(turnId);
        store.dispatch({ type: "turn.settled", turn });
        void settled(threadId);
        const thread = await api.thread(threadId);
        const seen = store.state.place.threadId === threadId && document.visibilityState === "visible";
        store.dispatch({
          type: "thread.changed",
          thread: thread.unread && seen ? await api.changeThread(threadId, { read: true }) : thread,
        });
        world.tell(threadId);
        return;
      } catch (error) {
        if (isMissing(error)) return;
        await sleep(attemptNumber * 1000);
      }
    }
  }

  return {
    say: (threadId: string, text: string) => post(threadId, text, { type: "say" }),
    edit: (message: Message, text: string) =>
      post(message.thread_id, text, { type: "edit", messageId: message.id, parentId: message.parent_id }),
    regenerate: (message: Message) =>
      post(message.thread_id, "", { type: "regenerate", messageId: message.id }),
    /** Goes on with an answer that broke off. Whoever wrote the first half goes on, whatever model is chosen by now. */
    goOn: (message: Message) => post(message.thread_id, "", { type: "continue", messageId: message.id }),
    attach,
    sendNext,

    retryPost(key: string): void {
      store.dispatch({ type: "post.changed", key, status: "queued", problem: null });
      sendNext();
    },

    dropPost(key: string): void {
      store.dispatch({ type: "post.removed", key });
      sendNext();
    },

    async stop(threadId: string): Promise<void> {
      const live = store.state.conversations[threadId]?.live ?? null;
      if (live === null) return;
      store.dispatch({ type: "turn.stopping", threadId, stopping: true });
      const done = await attempt(world, "Could not stop.", () => api.cancelTurn(live.turnId));
      if (!done) store.dispatch({ type: "turn.stopping", threadId, stopping: false });
    },
  };
}

function requestOf({ branch, text, messageId, model }: Post): TurnRequest {
  const choice = model === null ? {} : { model };
  if (branch.type === "regenerate") return { regenerate: branch.messageId, ...choice };
  if (branch.type === "continue") return { continue: branch.messageId };
  const input = { text, message_id: messageId };
  return branch.type === "edit" ? { input, parent_id: branch.parentId, ...choice } : { input, ...choice };
}
