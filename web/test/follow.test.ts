// @vitest-environment node
import { describe, expect, test, vi } from "vitest";
import { follow, retryDelay } from "../src/transport/follow.ts";
import { ApiError } from "../src/transport/http.ts";
import type { TurnEvent } from "../src/transport/protocol.ts";

type Answer = () => Response | Promise<Response>;

const block = (seq: number, type: string) =>
  `data: ${JSON.stringify({ type, seq, turn_id: "1" })}\nid: ${seq}\n\n`;
const stream =
  (...blocks: string[]): Answer =>
  () =>
    new Response(blocks.join(""));

/** A connection that sends some bytes and then fails. */
function broken(...blocks: string[]): Answer {
  return () =>
    new Response(
      new ReadableStream({
        start(control) {
          control.enqueue(new TextEncoder().encode(blocks.join("")));
        },
        pull(control) {
          control.error(new TypeError("network error"));
        },
      }),
    );
}

const refused =
  (status: number): Answer =>
  () => {
    throw new ApiError(status, "x", "x", true);
  };

async function run(...answers: Answer[]) {
  const events: TurnEvent[] = [];
  const cursors: number[] = [];
  const pauses: number[] = [];
  const connections: string[] = [];
  const outcome = await follow({
    after: 0,
    signal: new AbortController().signal,
    open: async (after) => {
      cursors.push(after);
      const answer = answers[cursors.length - 1];
      if (answer === undefined) throw new Error("an unexpected request");
      return answer();
    },
    sleep: async (milliseconds) => {
      pauses.push(milliseconds);
    },
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    onConnection: (connection) => connections.push(connection),
  });
  return { outcome, cursors, pauses, connections, seqs: events.map(({ seq }) => seq) };
}

describe("following a turn", () => {
  test("ends with the terminal event", async () => {
    const { outcome, seqs } = await run(
      stream(block(1, "turn.started"), block(2, "turn.completed"), block(3, "late")),
    );
    expect([outcome, seqs]).toEqual(["ended", [1, 2]]);
  });

  test("a body that ends early is continued after the cursor, a moment later", async () => {
    const { cursors, seqs, pauses } = await run(
      stream(block(1, "turn.started"), block(2, "x")),
      stream(block(3, "turn.completed")),
    );
    expect(cursors).toEqual([0, 2]);
    expect(seqs).toEqual([1, 2, 3]);
    expect(pauses).toEqual([250]);
  });

  test("progress makes earlier failures forgotten", async () => {
    const { pauses } = await run(
      refused(503),
      refused(503),
      broken(block(1, "turn.started")),
      refused(503),
      stream(block(2, "turn.completed")),
    );
    expect(pauses).toEqual([retryDelay(1, 0.5), retryDelay(2, 0.5), 250, retryDelay(1, 0.5)]);
  });

  test("lets go of each connection and of the signal", async () => {
    const stop = new AbortController();
    const added = vi.spyOn(stop.signal, "addEventListener");
    const removed = vi.spyOn(stop.signal, "removeEventListener");
    const signals: AbortSignal[] = [];
    const cancelled = vi.fn();
    const body = (...blocks: string[]) =>
      new ReadableStream({
        start: (control) => control.enqueue(new TextEncoder().encode(blocks.join(""))),
        cancel: cancelled,
      });
    const bodies = [body(block(1, "turn.started"), block(3, "x")), body(block(2, "turn.completed"))];
    await follow({
      after: 0,
      signal: stop.signal,
      open: async (_, signal) => {
        signals.push(signal);
        return new Response(bodies.shift() ?? null);
      },
      sleep: async () => undefined,
      random: () => 0,
      onEvent: () => undefined,
      onConnection: () => undefined,
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(cancelled).toHaveBeenCalledTimes(2);
    expect(removed.mock.calls.map(([type, listener]) => [type, listener])).toEqual(
      added.mock.calls.map(([type, listener]) => [type, listener]),
    );
  });

  test("a broken connection neither loses nor repeats events", async () => {
    const half = block(2, "x").slice(0, 20);
    const again = stream(block(1, "turn.started"), block(2, "x"), block(3, "turn.completed"));
    const { seqs } = await run(broken(block(1, "turn.started"), half), again);
    expect(seqs).toEqual([1, 2, 3]);
  });

  test("missing events are read again", async () => {
    const { cursors, seqs } = await run(
      stream(block(1, "turn.started"), block(3, "x")),
      stream(block(2, "x"), block(3, "turn.failed")),
    );
    expect(cursors).toEqual([0, 1]);
    expect(seqs).toEqual([1, 2, 3]);
  });

  test("204 ends it, because no events are left", async () => {
    expect((await run(() => new Response(null, { status: 204 }))).outcome).toBe("ended");
  });

  test.each([404, 410])("%d ends it, because the log is gone", async (status) => {
    expect((await run(refused(status))).outcome).toBe("gone");
  });

  test("waits longer after each failure, and reports the lost connection", async () => {
    const { pauses, connections } = await run(
      refused(503),
      refused(0),
      refused(502),
      stream(block(1, "turn.cancelled")),
    );
    expect(pauses).toEqual([retryDelay(1, 0.5), retryDelay(2, 0.5), retryDelay(3, 0.5)]);
    expect(pauses[1]).toBeGreaterThan(pauses[0] ?? 0);
    expect(connections).toEqual(["lost", "lost", "open"]);
  });

  test("other errors are not retried", async () => {
    await expect(run(refused(403))).rejects.toMatchObject({ status: 403 });
  });

  test("data that is no turn event is skipped", async () => {
    const invalid = 'data: nonsense\n\ndata: [1]\n\ndata: {"type":"x"}\n\n';
    expect((await run(stream(invalid, block(1, "turn.completed")))).seqs).toEqual([1]);
  });
});
