// @vitest-environment node
// Sending with the real actions and a server that a test scripts.

import { describe, expect, test } from "vitest";
import type { Dependencies } from "../src/actions/dependencies.ts";
import { createReconnect } from "../src/actions/reconnect.ts";
import { createTurns } from "../src/actions/turns.ts";
import { createStore } from "../src/app/store.ts";
import { browserStorage } from "../src/storage/browser-storage.ts";
import type { Api } from "../src/transport/api.ts";
import { ApiError } from "../src/transport/http.ts";
import type { Thread } from "../src/transport/protocol.ts";
import { accepted, given, history, log, post, talk, thread, turn, when } from "./builders.ts";

const offline = () => Promise.reject(new ApiError(0, "offline", "The server cannot be reached.", true));
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A page whose server answers each attempt to start a turn as listed, the last way for all further ones. */
function page(...answers: (() => Promise<unknown>)[]) {
  const store = createStore((flush) => flush());
  const requests: string[] = [];
  const bodies: unknown[] = [];
  let ids = 0;
  const api = {
    startTurn: (threadId: string, key: string, body: unknown) => {
      bodies.push(body);
      requests.push(`${threadId} ${key}`);
      return (answers.length > 1 ? answers.shift() : answers[0])?.();
    },
    events: () => new Promise(() => undefined),
    changeThread: (id: string, { tier }: Pick<Thread, "tier">) => {
      requests.push(`pin ${id} ${String(tier)}`);
      return Promise.resolve(thread(id, { tier }));
    },
    cancelTurn: () => Promise.resolve(),
    createThread: () => Promise.reject(new Error("The first turn creates the thread.")),
  } as unknown as Api;
  const reconnect = createReconnect(() => new Promise(() => undefined));
  const dependencies: Dependencies = {
    api,
    store,
    storage: browserStorage(() => sessionStorage),
    newId: () => `id${++ids}`,
    now: () => new Date(0),
    sleep: async () => undefined,
    reconnect,
    print: () => undefined,
    navigate: () => undefined,
    notifyTabs: () => undefined,
  };
  const turns = createTurns(
    dependencies,
    async () => undefined,
    async () => undefined,
  );
  return { store, turns, requests, bodies, statuses: () => store.state.outbox.map(({ status }) => status) };
}

const accept = () => Promise.resolve({ id: "9", thread_id: "t", message_id: "a-9", user_message_id: "id2" });

describe("a message without a connection", () => {
  test("waits as long as it takes and is sent once when the connection returns", async () => {
    const { turns, requests, statuses, store } = page(
      offline,
      offline,
      offline,
      offline,
      offline,
      offline,
      accept,
    );
    turns.send("t", "Hello");
    for (let retry = 0; retry < 6; retry++) {
      await settle();
      expect(statuses()).toEqual(["offline"]);
      turns.reconnect();
    }
    await settle();
    expect(statuses()).toEqual([]);
    expect(new Set(requests)).toEqual(new Set(["t id1"]));
    expect(store.state.list.threads.map(({ id }) => id)).toEqual(["t"]);
  });

  test("is offline behind a proxy that cannot reach the server, too", async () => {
    const { turns, statuses } = page(() => Promise.reject(new ApiError(502, "unknown", "Bad gateway", true)));
    turns.send("t", "Hello");
    await settle();
    expect(statuses()).toEqual(["offline"]);
  });

  test("can be taken back, and is then not sent", async () => {
    const { turns, requests, store } = page(offline, accept);
    turns.send("t", "Hello");
    await settle();
    turns.dropPost(store.state.outbox[0]?.key ?? "");
    turns.reconnect();
    await settle();
    expect(requests).toHaveLength(1);
  });

  test("does not stop the messages of other threads", async () => {
    const { turns, requests } = page(offline);
    turns.send("t", "Hello");
    turns.send("s", "Hello");
    await settle();
    expect(requests).toHaveLength(2);
  });
});

describe("the model of a conversation", () => {
  test("is chosen before its first message and pinned with it", async () => {
    const { turns, requests, store, bodies } = page(accept);
    const models = [{ id: "m", label: "M", tier: "complex" }];
    const base = { version: "1", protocol: "p", backend: "claude" as const, notice: null };
    const info = { ...base, window_tokens: 9000, models };
    store.dispatch({ type: "info.loaded", info });
    turns.send("t", "Hello", "complex");
    await settle();
    expect(requests).toEqual(["t id1", "pin t complex"]);
    expect(bodies[0]).toMatchObject({ model: "complex" });
    expect(store.state.list.threads[0]?.tier).toBe("complex");
    turns.send("t", "And on");
    store.dispatch({ type: "turn.lost", threadId: "t", turnId: "9" });
    turns.retryPost(store.state.outbox[0]?.key ?? "");
    await settle();
    expect(bodies[1]).not.toHaveProperty("model");
  });
});

describe("a refused message", () => {
  const tooLong = "input.text: String should have at most 400000 characters";
  test.each([
    [400, "bad_request", tooLong],
    [413, "too_large", "the body may have at most 1048576 bytes"],
  ])("names the limit in words and leaves no thread (%d)", async (status, code, text) => {
    const { turns, store } = page(() => Promise.reject(new ApiError(status, code, text, false)));
    turns.send("t", "x");
    await settle();
    expect(store.state.outbox[0]?.status).toBe("failed");
    expect(store.state.outbox[0]?.problem).toMatch(/too long.*400,000 characters/);
    expect(store.state.list.threads).toEqual([]);
  });
});

describe("the queue", () => {
  const queue = () =>
    given(
      history(talk(1)),
      { type: "post.added", post: post("0") },
      accepted(post("0")),
      { type: "post.added", post: post("1", { status: "queued" }) },
      { type: "post.added", post: post("x", { threadId: "s", status: "queued" }) },
    );
  const statuses = (state: ReturnType<typeof queue>) =>
    state.outbox.map(({ key, status }) => `${key} ${status}`);
  const error = { code: "overloaded", message: "x", retryable: true };

  test.each([
    ["the reader stops the answer", { type: "turn.stopping", threadId: "t", stopping: true } as const],
    ["the answer is cancelled", ...log("1", { type: "turn.cancelled" })],
    ["nothing more of the answer can be read", { type: "turn.lost", threadId: "t", turnId: "1" } as const],
    ["the answer fails", ...log("1", { type: "turn.failed", error })],
    ["the answer was interrupted", { type: "turn.settled", turn: turn("1", { status: "failed" }) } as const],
  ])("asks before it goes on when %s", (_, event) => {
    expect(statuses(when(queue(), event))).toEqual(["1 held", "x queued"]);
  });

  test("goes on after an answer that is complete, and after the end of another turn", () => {
    const state = queue();
    expect(statuses(when(state, ...log("1", { type: "turn.completed" })))).toEqual(["1 queued", "x queued"]);
    expect(statuses(when(state, ...log("7", { type: "turn.failed", error })))).toEqual([
      "1 queued",
      "x queued",
    ]);
    const other = turn("7", { status: "failed" });
    expect(statuses(when(state, { type: "turn.settled", turn: other }))).toEqual(["1 queued", "x queued"]);
  });

  const stopping = { type: "turn.stopping", threadId: "t", stopping: true } as const;

  test("does not ask again about a message the reader released while the answer was being stopped", () => {
    const released = when(queue(), stopping, { type: "post.released", key: "1", during: "1" });
    expect(statuses(when(released, ...log("1", { type: "turn.cancelled" })))).toEqual([
      "1 queued",
      "x queued",
    ]);
    const lost = when(released, { type: "turn.lost", threadId: "t", turnId: "1" });
    expect(statuses(lost)).toEqual(["1 queued", "x queued"]);
  });

  test("asks again about a message that was released during an earlier answer", () => {
    const released = when(queue(), { type: "post.released", key: "1", during: "0" });
    expect(statuses(when(released, stopping))).toEqual(["1 held", "x queued"]);
  });

  test("sends what is said while an answer is being stopped, when that has ended", async () => {
    const { turns, store, requests } = page(accept);
    for (const event of [history(talk(1)), accepted(post("0")), stopping]) store.dispatch(event);
    turns.send("t", "Something else, then");
    expect(requests).toEqual([]);
    for (const event of log("1", { type: "turn.cancelled" })) store.dispatch(event);
    turns.sendQueued();
    await settle();
    expect(requests).toHaveLength(1);
  });

  test("sends a held message when the reader says so", async () => {
    const { turns, store, requests } = page(accept);
    store.dispatch({ type: "post.added", post: post("1", { status: "held" }) });
    turns.sendQueued();
    expect(requests).toEqual([]);
    turns.retryPost("1");
    await settle();
    expect(requests).toEqual(["t 1"]);
  });
});
