// @vitest-environment node
// Every failure while a turn is followed, with fake timers.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Dependencies } from "../src/actions/dependencies.ts";
import { createReconnect } from "../src/actions/reconnect.ts";
import { createRunningTurns } from "../src/actions/running-turns.ts";
import { createStore } from "../src/app/store.ts";
import { follow } from "../src/transport/follow.ts";
import { ApiError } from "../src/transport/http.ts";
import type { Turn } from "../src/transport/protocol.ts";
import { accepted, history, post, talk, turn } from "./builders.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const encoder = new TextEncoder();
const block = (seq: number, type: string, rest: object = {}) =>
  `data: ${JSON.stringify({ type, seq, turn_id: "1", ...rest })}\nid: ${seq}\n\n`;
const sleep = (milliseconds: number) => new Promise<void>((wake) => setTimeout(wake, milliseconds));

/** A connection whose bytes the test sends. It fails when it is aborted, as `fetch` does. */
function connection(signal: AbortSignal) {
  let control: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (control = controller) });
  signal.addEventListener("abort", () => control?.error(new DOMException("aborted", "AbortError")));
  return { response: new Response(body), send: (text: string) => control?.enqueue(encoder.encode(text)) };
}

/** Follows turn 1. Answers are used one after the other; "silent" is a connection without bytes. */
function start(...answers: (number | string)[]) {
  const cursors: number[] = [];
  const connections: string[] = [];
  const open: ReturnType<typeof connection>[] = [];
  const stop = new AbortController();
  const outcome = follow({
    after: 0,
    signal: stop.signal,
    open: async (after, signal) => {
      cursors.push(after);
      const answer = answers[cursors.length - 1] ?? "silent";
      if (typeof answer === "number") {
        if (answer === 204) return new Response(null, { status: 204 });
        throw new ApiError(answer, "x", "x", true, answer === 429 ? 3 : null);
      }
      const opened = connection(signal);
      open.push(opened);
      if (answer !== "silent") opened.send(answer);
      return opened.response;
    },
    sleep,
    random: () => 0,
    onEvent: () => undefined,
    onConnection: (state) => connections.push(state),
  });
  const result = outcome.then(
    (value) => value,
    (error: unknown) => error,
  );
  return { cursors, connections, open, stop, result };
}

describe("a connection", () => {
  test("that is silent for 45 seconds is cut and opened again after the cursor", async () => {
    const { cursors, result } = start(block(1, "turn.started"), block(2, "turn.completed"));
    await vi.advanceTimersByTimeAsync(44_900);
    expect(cursors).toEqual([0]);
    await vi.advanceTimersByTimeAsync(600);
    expect(cursors).toEqual([0, 1]);
    expect(await result).toBe("ended");
  });

  test("with a comment every 15 seconds is not cut", async () => {
    const { cursors, open } = start("silent");
    for (let time = 0; time < 20; time++) {
      await vi.advanceTimersByTimeAsync(15_000);
      open[0]?.send(": ping\n\n");
    }
    expect(cursors).toEqual([0]);
  });

  test.each([429, 500, 502, 503, 0])(
    "that is refused with %d is tried again until the turn ends",
    async (status) => {
      const refusals = Array.from({ length: 12 }, () => status);
      const { cursors, connections, result } = start(...refusals, block(1, "turn.completed"));
      await vi.advanceTimersByTimeAsync(12 * 20_000);
      expect(await result).toBe("ended");
      expect(cursors).toHaveLength(13);
      expect(connections.at(-2)).toBe("lost");
      expect(connections.at(-1)).toBe("open");
    },
  );

  test("waits at least as long as a 429 asks", async () => {
    const { cursors } = start(429, "silent");
    await vi.advanceTimersByTimeAsync(2_900);
    expect(cursors).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(cursors).toHaveLength(2);
  });

  test.each([400, 401, 403])("that is refused with %d is not tried again", async (status) => {
    const { cursors, result } = start(status);
    expect(await result).toMatchObject({ status });
    expect(cursors).toHaveLength(1);
  });

  test("that is stopped ends at once, also while it is silent", async () => {
    const { result, stop } = start("silent");
    await vi.advanceTimersByTimeAsync(10);
    stop.abort();
    await vi.advanceTimersByTimeAsync(1);
    expect(await Promise.race([result, Promise.resolve("still following")])).toMatchObject({
      name: "AbortError",
    });
  });

  test("leaves no timer behind", async () => {
    const { result } = start(block(1, "turn.completed"));
    await result;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a failure in the middle", () => {
  type Failure = (send: (text: string) => void, fail: () => void, close: () => void) => Promise<void> | void;

  /** Two events and a failure on the first connection; all events on the second. */
  async function run(failure: Failure, refusal: number | null = null) {
    const seqs: number[] = [];
    const cursors: number[] = [];
    const connections: string[] = [];
    let control: ReadableStreamDefaultController<Uint8Array> | undefined;
    const all = ["turn.started", "x", "x", "turn.completed"].map((type, index) => block(index + 1, type));
    const outcome = follow({
      after: 0,
      signal: new AbortController().signal,
      open: async (after, signal) => {
        cursors.push(after);
        if (cursors.length === 1) {
          const body = new ReadableStream<Uint8Array>({ start: (one) => void (control = one) });
          signal.addEventListener("abort", () => control?.error(new DOMException("aborted", "AbortError")));
          return new Response(body);
        }
        if (refusal !== null && cursors.length === 2) throw new ApiError(refusal, "x", "x", true);
        return new Response(all.join(""));
      },
      sleep,
      random: () => 0,
      onEvent: ({ seq }) => seqs.push(seq),
      onConnection: (state) => connections.push(state),
    }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1);
    control?.enqueue(encoder.encode(all.slice(0, 2).join("")));
    await vi.advanceTimersByTimeAsync(1);
    await failure(
      (text) => control?.enqueue(encoder.encode(text)),
      () => control?.error(new TypeError("network error")),
      () => control?.close(),
    );
    await vi.advanceTimersByTimeAsync(60_000);
    return { seqs, cursors, connections, outcome: await outcome };
  }

  const FAILURES: readonly (readonly [string, Failure])[] = [
    ["the connection breaks", (_, fail) => fail()],
    ["the body ends", (_, __, close) => close()],
    [
      "nothing comes for 45 seconds",
      async () => {
        await vi.advanceTimersByTimeAsync(45_100);
      },
    ],
    [
      "half an event comes, and then nothing",
      (send, fail) => {
        send(block(3, "x").slice(0, 25));
        fail();
      },
    ],
    ["an event is missing", (send) => send(block(4, "turn.completed"))],
    [
      "a proxy sends its own page",
      (send, _, close) => {
        send("<html>504</html>\n\n");
        close();
      },
    ],
  ];

  test.each(FAILURES)("(%s) neither loses nor repeats an event", async (_, failure) => {
    const { seqs, cursors, outcome } = await run(failure);
    expect(seqs).toEqual([1, 2, 3, 4]);
    expect(cursors).toEqual([0, 2]);
    expect(outcome).toBe("ended");
  });

  test.each(FAILURES)("(%s) and a server that is away is followed after that", async (_, failure) => {
    for (const status of [0, 429, 500, 503]) {
      const { seqs, cursors } = await run(failure, status);
      expect(seqs).toEqual([1, 2, 3, 4]);
      expect(cursors).toEqual([0, 2, 2]);
    }
  });

  test.each([
    [404, "gone"],
    [410, "gone"],
  ])("and a %d ends it as gone, with what came", async (status, expected) => {
    const { seqs, cursors, outcome } = await run((_, fail) => fail(), status);
    expect([seqs, cursors, outcome]).toEqual([[1, 2], [0, 2], expected]);
  });

  test.each([400, 401, 403])("and a %d is thrown, with what came", async (status) => {
    const { seqs, cursors, outcome } = await run((_, fail) => fail(), status);
    expect([seqs, cursors]).toEqual([
      [1, 2],
      [0, 2],
    ]);
    expect(outcome).toMatchObject({ status });
  });

  test("after progress is no reason to call the connection lost", async () => {
    expect((await run((_, fail) => fail())).connections).toEqual(["open", "open"]);
    expect((await run((_, fail) => fail(), 503)).connections).toEqual(["open", "open"]);
  });
});

describe("the answer on screen", () => {
  /** A page that follows turn 1. `events` answers each connection, `stored` each request for the turn. */
  function page(events: (signal: AbortSignal) => Promise<Response>, stored: () => Promise<Turn>) {
    const store = createStore((flush) => flush());
    store.dispatch(history(talk(1)));
    store.dispatch({ type: "post.added", post: post("1") });
    store.dispatch(accepted(post("1")));
    const onEnd = vi.fn();
    const dependencies = {
      api: {
        events: (_: string, __: number, signal: AbortSignal) => events(signal),
        turn: stored,
        thread: () => Promise.reject(new ApiError(500, "x", "x", true)),
      },
      store,
      newId: () => "id",
      now: () => new Date(0),
      sleep,
      reconnect: createReconnect(sleep),
      notifyTabs: () => undefined,
    } as unknown as Dependencies;
    const running = createRunningTurns(dependencies, { onSettled: async () => undefined, onEnd });
    void running.join("t", "1");
    return { store, onEnd, live: () => store.state.conversations["t"]?.live ?? null };
  }

  const failure = (status: number) => () => Promise.reject(new ApiError(status, "x", "x", status >= 500));
  const ended = (status: Turn["status"]) => () => Promise.resolve(turn("1", { status }));

  test.each([
    ["204", () => Promise.resolve(new Response(null, { status: 204 }))],
    ["404", failure(404)],
    ["410", failure(410)],
  ])("is no longer live after %s, as the stored turn says", async (_, events) => {
    const { live, onEnd, store } = page(events, ended("failed"));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(live()).toBeNull();
    expect(store.state.conversations["t"]?.messages.at(-1)?.status).not.toBe("streaming");
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test.each([
    ["the turn is gone", failure(404)],
    ["the turn cannot be loaded", failure(500)],
  ])("is no longer live when its log is gone and %s", async (_, stored) => {
    const { live, onEnd, store } = page(failure(410), stored);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(live()).toBeNull();
    expect(store.state.conversations["t"]?.messages.at(-1)?.status).toBe("interrupted");
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test.each([400, 401, 403])("is no longer live when following is refused with %d", async (status) => {
    const { live, store, onEnd } = page(failure(status), failure(status));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(store.state.alert?.text).toMatch(/connection to the answer was lost/);
    expect(live()).toBeNull();
    expect(store.state.conversations["t"]?.messages.at(-1)?.status).toBe("interrupted");
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test.each([0, 429, 500, 503])("stays live while following is refused with %d", async (status) => {
    const { live, onEnd } = page(failure(status), failure(status));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(live()?.connection).toBe("lost");
    expect(onEnd).not.toHaveBeenCalled();
  });

  test("waits for the stored turn when its log has ended first", async () => {
    const turns = [turn("1", { status: "running" }), turn("1", { status: "completed" })];
    const { live, store } = page(failure(410), () => Promise.resolve(turns.shift() ?? turn("1")));
    await vi.advanceTimersByTimeAsync(500);
    expect(live()?.turnId).toBe("1");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(live()).toBeNull();
    expect(store.state.conversations["t"]?.messages.at(-1)?.status).toBe("complete");
  });

  test("is interrupted when the stored turn never ends", async () => {
    const { live, store } = page(failure(410), () => Promise.resolve(turn("1", { status: "running" })));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(live()).toBeNull();
    expect(store.state.conversations["t"]?.messages.at(-1)?.status).toBe("interrupted");
  });

  test("says that the connection is lost, and is tried again at once on demand", async () => {
    let attempts = 0;
    const { live } = page(() => {
      attempts++;
      return failure(0)();
    }, ended("completed"));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(live()?.connection).toBe("lost");
    expect(attempts).toBeGreaterThan(1);
  });

  test.each(["turn.completed", "turn.cancelled", "turn.failed"])(
    "is no longer live after %s",
    async (type) => {
      const error = { code: "overloaded", message: "x", retryable: true };
      const log = block(1, "turn.started") + block(2, type, type === "turn.failed" ? { error } : {});
      const { live } = page(() => Promise.resolve(new Response(log)), failure(500));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(live()).toBeNull();
    },
  );
});
