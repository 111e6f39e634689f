// @vitest-environment node
// The list of conversations: loading, paging, order, and what turns change in it.

import { describe, expect, test } from "vitest";
import type { PageEvent } from "../src/state/events.ts";
import type { State } from "../src/state/state.ts";
import type { Thread } from "../src/transport/protocol.ts";
import { accepted, given, log, post, thread, when } from "./builders.ts";

/** A thread that changed at this second. */
const at = (id: string, second: number, known: Partial<Thread> = {}) =>
  thread(id, { updated_at: `2026-11-20T08:00:0${second}.000Z`, ...known });
const page = (
  threads: readonly Thread[],
  more: Partial<PageEvent & { type: "list.loaded" }> = {},
): PageEvent => ({
  type: "list.loaded",
  archived: false,
  threads,
  cursor: null,
  append: false,
  ...more,
});
const ids = (state: State) => state.list.threads.map(({ id }) => id);

describe("loading", () => {
  test("shows that it loads, but not again over a list that is there", () => {
    const loading = given({ type: "list.loading", archived: false });
    expect(loading.list).toMatchObject({ phase: "loading", threads: [] });
    const ready = when(loading, page([at("a", 1)], { cursor: "c" }));
    expect(ready.list).toEqual({
      threads: [at("a", 1)],
      archived: false,
      cursor: "c",
      phase: "ready",
      problem: null,
    });
    expect(when(ready, { type: "list.loading", archived: false }).list).toEqual(ready.list);
  });

  test("of the other list begins with nothing", () => {
    const ready = given(page([at("a", 1)], { cursor: "c" }));
    const archive = when(ready, { type: "list.loading", archived: true });
    expect(archive.list).toEqual({
      threads: [],
      archived: true,
      cursor: null,
      phase: "loading",
      problem: null,
    });
    expect(when(archive, page([at("a", 1)])).list).toBe(archive.list);
    expect(ids(when(archive, page([at("z", 1)], { archived: true })))).toEqual(["z"]);
  });

  test("that fails says why, and keeps a list that is there", () => {
    const failed = { type: "list.failed", problem: "No answer." } as const;
    expect(given(failed).list).toMatchObject({ phase: "failed", problem: "No answer." });
    const kept = given(page([at("a", 1)]), failed);
    expect(kept.list).toMatchObject({ phase: "ready", problem: "No answer.", threads: [at("a", 1)] });
    expect(when(kept, page([at("a", 1)])).list.problem).toBeNull();
  });
});

describe("pages", () => {
  const two = given(page([at("d", 4), at("c", 3)]), page([at("b", 2), at("a", 1)], { append: true }));

  test("are added below, without a thread that is there", () => {
    expect(ids(two)).toEqual(["d", "c", "b", "a"]);
    const renamed = at("c", 3, { title: "other" });
    const again = when(two, page([renamed, at("z", 0)], { append: true }));
    expect(ids(again)).toEqual(["d", "c", "b", "a", "z"]);
    expect(again.list.threads[1]?.title).toBeNull();
  });

  test("below the first stay when that is loaded again", () => {
    expect(ids(when(two, page([at("e", 5), at("d", 4)])))).toEqual(["e", "d", "c", "b", "a"]);
    // Deleted elsewhere: it would be above the oldest of the page.
    expect(ids(when(two, page([at("d", 4), at("b", 2)])))).toEqual(["d", "b", "a"]);
    expect(ids(when(two, page([at("x", 9), at("d", 4), at("a", 1)])))).toEqual(["x", "d", "a"]);
    const same = when(two, page([at("d", 4), at("c", 3, { title: "new" })]));
    expect(ids(same)).toEqual(["d", "c", "b", "a"]);
    expect(same.list.threads[1]?.title).toBe("new");
  });

  test("go when the first has all, or nothing", () => {
    expect(ids(when(two, page([at("x", 9), at("y", 8), at("z", 7), at("w", 6)])))).toEqual([
      "x",
      "y",
      "z",
      "w",
    ]);
    expect(ids(when(two, page([])))).toEqual([]);
  });
});

describe("a thread", () => {
  const list = given(page([at("c", 3), at("b", 2), at("a", 1)]));

  test.each([
    [9, ["b", "c", "a"]],
    [2, ["c", "b", "a"]],
    [0, ["c", "a", "b"]],
  ])("that changed at second %d stands in its place", (second, expected) => {
    expect(ids(when(list, { type: "thread.changed", thread: at("b", second) }))).toEqual(expected);
  });

  test("that changed at the same time as others stays before them, as the server has it", () => {
    const tied = given(page([at("a", 1), at("b", 1), at("c", 1)]));
    const title = log("1", { type: "note", name: "title", data: { title: "x" } });
    expect(ids(when(tied, ...title.map((event) => ({ ...event, threadId: "b" }) as PageEvent)))).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("that is not in the list changes nothing", () => {
    for (const event of [
      { type: "thread.removed", id: "x" },
      { type: "turn.lost", threadId: "x", turnId: "1" },
      { type: "thread.changed", thread: at("x", 1, { archived: true }) },
      accepted(post("1", { threadId: "x" })),
    ] as const)
      expect(when(list, event).list).toBe(list.list);
    expect(ids(when(list, { type: "thread.removed", id: "b" }))).toEqual(["c", "a"]);
  });
});

describe("a turn", () => {
  const list = given(page([at("t", 3), at("b", 2, { running_turn_id: "other" })]));
  const end = (turnId: string | undefined, threadId = "t") =>
    ({
      type: "turn.event",
      threadId,
      at: 0,
      event: { type: "turn.completed", seq: 1, turn_id: turnId },
    }) as PageEvent;

  test("runs in its thread only, from its start to its end", () => {
    const running = when(list, accepted(post("1")));
    expect(running.list.threads.map(({ running_turn_id: id }) => id)).toEqual(["1", "other"]);
    expect(running.list.threads[0]?.updated_at).toBe("2026-11-20T09:00:00.000Z");
    expect(when(running, end("1")).list.threads.map(({ running_turn_id: id }) => id)).toEqual([
      null,
      "other",
    ]);
    const lost = (turnId: string) => when(running, { type: "turn.lost", threadId: "t", turnId });
    expect(lost("1").list.threads[0]?.running_turn_id).toBeNull();
    expect(lost("2").list.threads[0]?.running_turn_id).toBe("1");
  });

  test("that this list did not see begin marks its thread, too", () => {
    expect(when(list, end("1")).list.threads[0]).toMatchObject({ running_turn_id: null, unread: true });
    const running = when(list, accepted(post("1")));
    expect(when(running, end(undefined)).list.threads[0]).toMatchObject({
      running_turn_id: null,
      unread: true,
    });
    expect(when(running, end("2")).list.threads[0]).toMatchObject({ running_turn_id: "1", unread: false });
  });

  test("names its thread by a title note and by no other", () => {
    const named = (body: Parameters<typeof log>[1]) => when(list, ...log("1", body)).list.threads[0]?.title;
    expect(named({ type: "note", name: "title", data: { title: "Tides" } })).toBe("Tides");
    expect(named({ type: "note", name: "route", data: { title: "Tides" } })).toBeNull();
    expect(named({ type: "other", name: "title", data: { title: "Tides" } })).toBeNull();
  });
});
