// @vitest-environment node
// Every event of a turn, in every situation in which it can arrive; and what each end of a turn must clear.

import { describe, expect, test } from "vitest";
import type { PageEvent } from "../src/state/events.ts";
import { nextPost } from "../src/state/outbox.ts";
import type { State } from "../src/state/state.ts";
import type { Turn, TurnEvent } from "../src/transport/protocol.ts";
import { isTerminal, parseTurnEvent } from "../src/transport/protocol.ts";
import { accepted, given, history, log, message, post, thread, turn, when } from "./builders.ts";
import { ERROR, type EventBody, EVENTS, USAGE } from "./turn-event-table.ts";

const ends = Object.keys(EVENTS).filter((name) => /^turn\.(completed|failed|cancelled)$/.test(name));
const others = Object.keys(EVENTS).filter((name) => !ends.includes(name));

const BEGUN: EventBody[] = [
  { type: "turn.started" },
  { type: "part.started", part_id: "r", kind: "reasoning" },
  { type: "part.delta", part_id: "r", text: "hm" },
  { type: "part.started", part_id: "t", kind: "text" },
  { type: "part.delta", part_id: "t", text: "Hello" },
];
const NEXT = BEGUN.length + 1;

const listed = (running: string | null = null): PageEvent => ({
  type: "list.loaded",
  archived: false,
  threads: [thread("t", { running_turn_id: running })],
  cursor: null,
  append: false,
});

/** An answer in the middle: its connection was lost, it is being stopped, and the server says what it waits for. */
function running(): State {
  return given(
    listed(),
    { type: "location.changed", location: { threadId: "t", messageId: null } },
    history([message("u-1", null)]),
    { type: "turn.joined", turn: turn("1") },
    { type: "thread.changed", thread: thread("t", { running_turn_id: "1" }) },
    ...log("1", ...BEGUN, { type: "note", name: "queue", data: { position: 1 } }),
    { type: "turn.stopping", threadId: "t", stopping: true },
    { type: "turn.connection", threadId: "t", turnId: "1", connection: "lost" },
  );
}

function event(name: string, id = "1", seq = NEXT + 1): PageEvent {
  const body = EVENTS[name];
  if (body === undefined) throw new Error(name);
  return { type: "turn.event", threadId: "t", at: 9_000, event: { ...body, seq, turn_id: id } as TurnEvent };
}

const conversation = (state: State) => {
  const found = state.conversations["t"];
  if (found === undefined) throw new Error("no conversation");
  return found;
};
const live = (state: State) => conversation(state).live;
const answer = (state: State) => conversation(state).messages.at(-1);

test.each(Object.entries(EVENTS))(
  "%s is read from the wire, and is terminal if it ends a turn",
  (name, body) => {
    const wire = { ...body, seq: 1, turn_id: "1" };
    expect(parseTurnEvent(JSON.stringify(wire))).toEqual(wire);
    expect(isTerminal(wire as TurnEvent)).toBe(ends.includes(name));
  },
);

describe.each(Object.keys(EVENTS))("%s", (name) => {
  test("of the running turn moves the cursor, and shows that the connection is there", () => {
    const after = when(running(), event(name));
    if (ends.includes(name)) {
      expect(live(after)).toBeNull();
      return;
    }
    expect(live(after)?.seq).toBe(NEXT + 1);
    expect(live(after)?.connection).toBe("open");
    expect(live(after)?.stopping).toBe(true);
  });

  test("changes nothing when it comes again", () => {
    const once = when(running(), event(name));
    expect(when(once, event(name)).conversations).toBe(once.conversations);
    const earlier = running();
    expect(when(earlier, event(name, "1", NEXT)).conversations).toBe(earlier.conversations);
  });

  test.each(ends)("changes nothing after %s", (end) => {
    const ended = when(running(), event(end));
    const after = when(ended, event(name, "1", NEXT + 2));
    expect(after.conversations).toBe(ended.conversations);
    expect(after.list.threads[0]).toMatchObject({ running_turn_id: null, unread: false });
  });

  test("of another turn changes nothing, and does not end the running one in the list", () => {
    const before = running();
    const after = when(before, event(name, "2"));
    expect(after.conversations).toBe(before.conversations);
    expect(after.list.threads[0]?.running_turn_id).toBe("1");
  });

  test("of a thread that is not loaded or was deleted makes no conversation", () => {
    const before = given(listed());
    expect(when(before, event(name)).conversations).toBe(before.conversations);
    const removed = when(running(), { type: "thread.removed", id: "t" }, event(name));
    expect(removed.conversations).toEqual({});
    expect(removed.list.threads).toEqual([]);
  });

  test("gives the same state live and read again from the log", () => {
    const body = EVENTS[name];
    if (body === undefined) return;
    const events = log("1", ...BEGUN, body, { type: "turn.cancelled" });
    const start = [history([]), accepted(post("1"))];
    const once = given(...start, ...events);
    const joined = given(...start, ...events.slice(0, 4), ...events.slice(0, 2), ...events);
    expect(joined.conversations).toEqual(once.conversations);
  });
});

describe.each(others)("%s", (name) => {
  test("leaves the turn running everywhere", () => {
    const after = when(running(), event(name));
    expect(after.list.threads[0]?.running_turn_id).toBe("1");
    expect(answer(after)?.role).toBe("user");
  });
});

describe("what an event shows", () => {
  const parts = (name: string) => live(when(running(), event(name)))?.message.parts ?? [];
  const activity = (name: string) => live(when(running(), event(name)))?.activity;

  test("parts", () => {
    expect(parts("part.started").at(-1)).toMatchObject({
      type: "tool",
      name: "search",
      input: { query: "x" },
    });
    expect(parts("part.delta").at(-1)?.text).toBe("Hellomore");
    expect(parts("part.ended").at(-1)).toMatchObject({ text: "Hello", ended: true, result: { found: 1 } });
    expect(parts("note discard").map(({ text }) => text)).toEqual(["Hello"]);
    for (const name of ["turn.started", "note route", "note title", "an unknown type"])
      expect(parts(name).map(({ text }) => text)).toEqual(["hm", "Hello"]);
  });

  test("text of the part that an event names, whichever is the last", () => {
    const grown = (part_id: string) => {
      const body = {
        type: "part.delta",
        part_id,
        text: "+",
        seq: NEXT + 1,
        turn_id: "1",
      } as unknown as TurnEvent;
      const after = when(running(), { type: "turn.event", threadId: "t", at: 0, event: body });
      return live(after)?.parts.map(({ text }) => text);
    };
    expect(grown("r")).toEqual(["hm+", "Hello"]);
    expect(grown("t")).toEqual(["hm", "Hello+"]);
    expect(grown("missing")).toEqual(["hm", "Hello+"]);
  });

  test("no field that the event has not", () => {
    const bare = {
      type: "part.started",
      part_id: "n",
      kind: "text",
      seq: NEXT + 1,
      turn_id: "1",
    } as unknown as TurnEvent;
    const end = { type: "part.ended", part_id: "n", seq: NEXT + 2, turn_id: "1" } as const;
    const begun = when(running(), { type: "turn.event", threadId: "t", at: 1_000, event: bare });
    const part = { part_id: "n", type: "text", text: "", startedAt: 1_000, ended: false };
    expect(live(begun)?.parts.at(-1)).toStrictEqual(part);
    const ended = when(begun, { type: "turn.event", threadId: "t", at: 4_400, event: end });
    expect(live(ended)?.parts.at(-1)).toStrictEqual({ ...part, ended: true, seconds: 3 });
  });

  test("also when the server names no turn", () => {
    const body = { type: "part.delta", part_id: "t", text: "+", seq: NEXT + 1 } as unknown as TurnEvent;
    const after = when(running(), { type: "turn.event", threadId: "t", at: 0, event: body });
    expect(live(after)?.parts.at(-1)?.text).toBe("Hello+");
  });

  test("the activity, until the next part begins", () => {
    expect(activity("note queue")).toBe("Waiting for a free slot: queue position 2");
    expect(activity("note retry")).toMatch(/^Trying again: /);
    expect(activity("note fallback")).toBe("Asking another model: it is overloaded");
    expect(activity("note cascade")).toBe("Asking a better model: cut");
    expect(activity("note budget")).toBe("Little is left");
    expect(activity("part.started")).toBeNull();
    for (const name of ["note title", "note discard", "note storage_delay", "part.delta", "an unknown note"])
      expect(activity(name)).toBe("Waiting for a free slot: queue position 1");
  });

  test.each([
    ["queue", {}, "Waiting for a free slot"],
    ["queue", { position: "3" }, "Waiting for a free slot"],
    ["retry", {}, "Trying again"],
    ["fallback", { reason: "" }, "Asking another model"],
    ["cascade", { reason: 5 }, "Asking a better model"],
    ["budget", {}, "Waiting for a free slot: queue position 1"],
    ["discard", { part_ids: "r" }, "Waiting for a free slot: queue position 1"],
  ])("a note %s with odd data %j breaks nothing", (name, data, expected) => {
    const odd = { type: "note", name, data, seq: NEXT + 1, turn_id: "1" } as unknown as TurnEvent;
    const after = when(running(), { type: "turn.event", threadId: "t", at: 0, event: odd });
    expect(live(after)?.activity).toBe(expected);
    expect(live(after)?.parts).toHaveLength(2);
  });

  test("a title that is no text is not taken", () => {
    const odd = {
      type: "note",
      name: "title",
      data: { title: 5 },
      seq: NEXT + 1,
      turn_id: "1",
    } as unknown as TurnEvent;
    expect(
      when(running(), { type: "turn.event", threadId: "t", at: 0, event: odd }).list.threads[0]?.title,
    ).toBeNull();
    expect(when(running(), event("note title")).list.threads[0]?.title).toBe("Tides");
  });

  test.each([
    ["turn.started", "Answering"],
    ["turn.completed", "Answer finished"],
    ["turn.failed", "The answer failed"],
    ["turn.cancelled", "The answer was stopped"],
  ])("%s is announced, and nothing else", (name, expected) => {
    expect(when(running(), event(name)).announcement).toBe(expected);
    const announced = when(running(), event(name));
    for (const other of others.filter((one) => one !== "turn.started"))
      expect(when(announced, event(other)).announcement).toBe(expected);
  });
});

describe("an end", () => {
  const settled = (status: Turn["status"], more: Partial<Turn> = {}): PageEvent => ({
    type: "turn.settled",
    turn: turn("1", {
      status,
      message: message("a-1", "u-1", { role: "assistant", status: "streaming" }),
      ...more,
    }),
  });
  const ALL: readonly (readonly [string, PageEvent, string, boolean])[] = [
    ["turn.completed", event("turn.completed"), "complete", false],
    ["turn.failed", event("turn.failed"), "failed", true],
    ["turn.cancelled", event("turn.cancelled"), "cancelled", true],
    ["turn.lost", { type: "turn.lost", threadId: "t", turnId: "1" }, "interrupted", true],
    ["settled as completed", settled("completed"), "complete", false],
    ["settled as failed", settled("failed", { error: ERROR }), "failed", true],
    [
      "settled as interrupted",
      settled("failed", { error: { ...ERROR, code: "interrupted" } }),
      "interrupted",
      true,
    ],
    ["settled as cancelled", settled("cancelled"), "cancelled", true],
  ];

  test.each(ALL)("%s clears what was live, and keeps the answer", (_, end, status) => {
    const after = when(running(), end);
    expect(live(after)).toBeNull();
    expect(answer(after)).toMatchObject({ id: "a-1", status });
    expect(conversation(after).messages.filter(({ id }) => id === "a-1")).toHaveLength(1);
    expect(conversation(after).phase).toBe("ready");
  });

  test.each(ALL.filter(([name]) => !name.startsWith("settled")))("%s ends the turn in the list", (_, end) => {
    expect(when(running(), end).list.threads[0]).toMatchObject({ running_turn_id: null, unread: false });
  });

  test.each(ALL)("%s leaves nothing behind for the next turn", (_, end) => {
    const next = when(running(), end, accepted(post("2"), "2"));
    expect(live(next)).toMatchObject({
      turnId: "2",
      seq: 0,
      parts: [],
      connection: "open",
      stopping: false,
      activity: null,
    });
  });

  test.each(ALL)("%s decides whether the queue goes on", (_, end, __, isHeld) => {
    const queued = post("q", { status: "queued" });
    // Without a request to stop, which holds the queue by itself.
    const before = when(
      running(),
      { type: "turn.stopping", threadId: "t", stopping: false },
      { type: "post.added", post: queued },
    );
    const other = when(before, { type: "post.added", post: { ...queued, key: "o", threadId: "other" } });
    const after = when(other, end);
    expect(after.outbox.map(({ status }) => status)).toEqual([isHeld ? "held" : "queued", "queued"]);
    expect(nextPost(after)?.key).toBe(isHeld ? "o" : "q");
  });

  test.each(ALL)("%s of another turn ends nothing", (_, end) => {
    const other = JSON.parse(
      JSON.stringify(end)
        .replace(/"(turn_id|turnId|id)":"1"/g, '"$1":"9"')
        .replace('"a-1"', '"a-9"'),
    ) as PageEvent;
    const queued = when(
      running(),
      { type: "turn.stopping", threadId: "t", stopping: false },
      { type: "post.added", post: post("q", { status: "queued" }) },
    );
    const after = when(queued, other);
    expect(live(after)?.turnId).toBe("1");
    expect(after.list.threads[0]?.running_turn_id).toBe("1");
    expect(after.outbox[0]?.status).toBe("queued");
  });

  test("stores usage, reason and error with the answer", () => {
    expect(answer(when(running(), event("turn.completed")))).toMatchObject({
      usage: USAGE,
      finish_reason: "stop",
      error: null,
    });
    expect(answer(when(running(), event("turn.failed")))).toMatchObject({
      usage: USAGE,
      finish_reason: null,
      error: ERROR,
    });
    expect(answer(when(running(), event("turn.cancelled")))).toMatchObject({ usage: USAGE, error: null });
    expect(answer(when(running(), settled("failed", { error: ERROR, usage: USAGE })))).toMatchObject({
      usage: USAGE,
      error: ERROR,
    });
  });

  test("has the status of the stored message, where that has one", () => {
    const stored = message("a-1", "u-1", { role: "assistant", status: "interrupted" });
    expect(answer(when(running(), settled("failed", { message: stored })))?.status).toBe("interrupted");
    expect(answer(when(running(), settled("failed", { error: null })))).toMatchObject({
      status: "failed",
      error: null,
    });
  });

  test("is not read from a stored turn that still runs", () => {
    const before = running();
    expect(when(before, settled("running")).conversations).toBe(before.conversations);
  });

  test("of an answer in another thread marks that thread as unread", () => {
    const elsewhere = when(running(), {
      type: "location.changed",
      location: { threadId: "other", messageId: null },
    });
    for (const name of ends)
      expect(when(elsewhere, event(name)).list.threads[0]).toMatchObject({
        unread: true,
        running_turn_id: null,
      });
  });
});
