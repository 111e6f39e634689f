// @vitest-environment node
import { describe, expect, test } from "vitest";
import { nextPost, retryDelay } from "../src/state/outbox.ts";
import { canContinue, type State, textOf, threadAt, visibleMessages } from "../src/state/state.ts";
import type { Message } from "../src/transport/protocol.ts";
import {
  accepted,
  given,
  history,
  log,
  message,
  post,
  shortAnswer,
  talk,
  thread,
  turn,
  when,
} from "./builders.ts";

function shown(state: State): string[] {
  const conversation = state.conversations["t"];
  return conversation === undefined ? [] : visibleMessages(conversation).map(({ id }) => id);
}

const live = (state: State) => state.conversations["t"]?.live ?? null;

describe("a turn", () => {
  test("shows the question and the growing answer", () => {
    const state = given(history([]), accepted(post("1")), ...shortAnswer("1").slice(0, 6));
    expect(shown(state)).toEqual(["u-1", "a-1"]);
    expect(live(state)?.message.parts.map((part) => part.text)).toEqual(["hm", "Hel"]);
  });

  test("ends as one finished message", () => {
    const state = given(history([]), accepted(post("1")), ...shortAnswer("1"));
    const answer = state.conversations["t"]?.messages.at(-1);
    expect(live(state)).toBeNull();
    expect(answer?.status).toBe("complete");
    expect(answer && textOf(answer)).toBe("Hello");
  });

  test("applies each event exactly once, however often the log is read", () => {
    const events = shortAnswer("1");
    const once = given(history([]), accepted(post("1")), ...events);
    for (let cut = 1; cut < events.length; cut++) {
      const twice = given(history([]), accepted(post("1")), ...events.slice(0, cut), ...events);
      expect(twice.conversations).toEqual(once.conversations);
    }
  });

  test("ignores events of another turn", () => {
    const before = given(history([]), accepted(post("1")));
    expect(when(before, ...shortAnswer("2")).conversations).toEqual(before.conversations);
  });

  test("adds text of an unknown part to the last part", () => {
    const state = given(
      history([]),
      accepted(post("1")),
      ...log(
        "1",
        { type: "turn.started" },
        { type: "part.started", part_id: "p", kind: "text" },
        { type: "part.delta", part_id: "other", text: "x" },
      ),
    );
    expect(live(state)?.message.parts[0]?.text).toBe("x");
  });

  test("measures the seconds of reasoning when the server does not", () => {
    const state = given(history([]), accepted(post("1")), ...shortAnswer("1").slice(0, 4));
    expect(live(state)?.parts[0]?.seconds).toBe(2);
  });

  test.each([
    ["failed", { code: "upstream_error", message: "no", retryable: true }, "failed"],
    ["interrupted", { code: "interrupted", message: "no", retryable: true }, "interrupted"],
  ] as const)("that is %s keeps the text so far", (_, error, status) => {
    const [started, ...rest] = shortAnswer("1").slice(0, 7);
    const failed = log("1", ...Array.from({ length: 7 }, () => ({ type: "turn.started" as const })), {
      type: "turn.failed",
      error,
    });
    const state = given(
      history([]),
      accepted(post("1")),
      ...(started ? [started] : []),
      ...rest,
      ...failed.slice(-1),
    );
    const answer = state.conversations["t"]?.messages.at(-1);
    expect(answer?.status).toBe(status);
    expect(answer && textOf(answer)).toBe("Hello");
  });

  test("unknown events only move the cursor", () => {
    const before = given(history([]), accepted(post("1")));
    const unknown = log("1", { type: "something.new" });
    expect(live(when(before, ...unknown))).toEqual({ ...live(before), seq: 1 });
  });

  test("a budget note is the activity, and is added to the reason of the route", () => {
    const reason = "little is left of your daily money budget: the answer has at most 2,048 tokens";
    const route = { model: "m", tier: "complex", reason: "a proof" };
    const state = given(
      history([]),
      accepted(post("1")),
      ...log(
        "1",
        { type: "note", name: "route", data: route },
        { type: "note", name: "budget", data: { reason, model: "m", tier: "complex", max_tokens: 2048 } },
      ),
    );
    expect(live(state)?.activity).toBe(`L${reason.slice(1)}`);
    expect(state.conversations["t"]?.routes["a-1"]).toEqual({ ...route, reason: `a proof; ${reason}` });
  });

  test("a refused post is retried only if the wait is short", () => {
    expect(retryDelay({ retryable: true, retryAfter: null }, 1)).toBe(0.8);
    expect(retryDelay({ retryable: true, retryAfter: 5 }, 2)).toBe(5);
    expect(retryDelay({ retryable: true, retryAfter: 86_400 }, 1)).toBeNull();
    expect(retryDelay({ retryable: true, retryAfter: 5 }, 4)).toBeNull();
    expect(retryDelay({ retryable: false, retryAfter: null }, 1)).toBeNull();
  });

  test("notes set the title of the thread and the route", () => {
    const state = given(
      { type: "list.loaded", archived: false, threads: [thread("t")], cursor: null, append: false },
      history([]),
      accepted(post("1")),
      ...log(
        "1",
        { type: "note", name: "route", data: { model: "m", tier: "simple", reason: "short" } },
        { type: "note", name: "title", data: { title: "Tides" } },
      ),
    );
    expect(state.list.threads[0]?.title).toBe("Tides");
    expect(state.conversations["t"]?.routes["a-1"]).toEqual({ model: "m", tier: "simple", reason: "short" });
  });

  test("the stored turn replaces the streamed one", () => {
    const state = given(history([]), accepted(post("1")), ...shortAnswer("1"));
    const stored = message("a-1", "u-1", {
      role: "assistant",
      cost_usd: "0.002",
      sibling_ids: ["a-0", "a-1"],
    });
    const settled = when(state, {
      type: "turn.settled",
      turn: turn("1", { status: "completed", message: stored }),
    });
    expect(settled.conversations["t"]?.messages.at(-1)).toEqual(stored);
  });

  test("a turn that was already running is read from its start", () => {
    const half = message("a-1", "u-1", {
      role: "assistant",
      status: "streaming",
      parts: [{ type: "text", text: "Hel" }],
    });
    const state = given(
      history([message("u-1", null), half]),
      { type: "turn.joined", turn: turn("1", { message: half, last_seq: 6 }) },
      ...shortAnswer("1"),
    );
    expect(shown(state)).toEqual(["u-1", "a-1"]);
    const answer = state.conversations["t"]?.messages.at(-1);
    expect(answer && textOf(answer)).toBe("Hello");
  });
});

describe("the activity of a running turn", () => {
  const activity = (name: string, data: Record<string, unknown>) =>
    live(given(history([]), accepted(post("1")), ...log("1", { type: "note", name, data })))?.activity;

  test("shows queue position, fallback, retry and budget", () => {
    expect(activity("queue", { position: 3 })).toBe("Waiting for a free slot: queue position 3");
    expect(activity("fallback", { reason: "it is overloaded" })).toBe(
      "Asking another model: it is overloaded",
    );
    expect(activity("retry", { reason: "server_error" })).toBe(
      "Trying again: the provider had an internal error",
    );
    expect(activity("budget", { reason: "little is left" })).toBe("Little is left");
    expect(activity("retry", { reason: "something_new" })).toBe("Trying again: something new");
  });

  test("reasoning of an answer that another model replaces is removed", () => {
    const state = given(
      history([]),
      accepted(post("1")),
      ...log(
        "1",
        { type: "part.started", part_id: "p1", kind: "reasoning" },
        { type: "part.delta", part_id: "p1", text: "I would rather not" },
        { type: "part.ended", part_id: "p1" },
        { type: "note", name: "discard", data: { part_ids: ["p1"] } },
        { type: "part.started", part_id: "p2", kind: "text" },
      ),
    );
    expect(live(state)?.parts.map((part) => part.part_id)).toEqual(["p2"]);
    expect(live(state)?.message.parts.length).toBe(1);
  });
});

describe("a branch", () => {
  test("editing cuts the thread before the edited message", () => {
    const edit = post("e", { branch: { type: "edit", messageId: "u2", parentId: "a1" } });
    const state = given(history(talk(3)), accepted(edit, "9"));
    expect(shown(state)).toEqual(["u1", "a1", "u-e", "a-9"]);
    expect(state.conversations["t"]?.messages.at(-1)?.sibling_ids).toEqual(["u2", "u-e"]);
  });

  test("editing the first message adds a root", () => {
    const edit = post("e", { branch: { type: "edit", messageId: "u1", parentId: null } });
    const state = given(history(talk(2)), accepted(edit, "9"));
    expect(shown(state)).toEqual(["u-e", "a-9"]);
    expect(state.conversations["t"]?.messages[0]?.parent_id).toBeNull();
  });

  test("answering again adds a sibling to the answer", () => {
    const again = post("r", { branch: { type: "regenerate", messageId: "a2" } });
    const state = given(history(talk(2)), accepted(again, "9"));
    expect(shown(state)).toEqual(["u1", "a1", "u2", "a-9"]);
    expect(live(state)?.message.sibling_ids).toEqual(["a2", "a-9"]);
  });

  test("continuing an answer adds a sibling that starts with its text", () => {
    const on = post("c", { branch: { type: "continue", messageId: "a2" } });
    const state = given(history(talk(2)), accepted(on, "9"), ...shortAnswer("9"));
    expect(shown(state)).toEqual(["u1", "a1", "u2", "a-9"]);
    expect(state.conversations["t"]?.messages.at(-1)?.sibling_ids).toEqual(["a2", "a-9"]);
  });

  test("only an answer that stopped before its end with some text can be continued", () => {
    const parts = [{ type: "text", text: "Half" }] as const;
    const answer = (more: Partial<Message>) => message("a", "u", { role: "assistant", parts, ...more });
    expect(canContinue(answer({ status: "complete", finish_reason: "stop" }))).toBe(false);
    expect(canContinue(answer({ status: "complete", finish_reason: "length" }))).toBe(true);
    for (const status of ["failed", "interrupted", "cancelled"] as const) {
      expect(canContinue(answer({ status }))).toBe(true);
      expect(canContinue(answer({ status, parts: [] }))).toBe(false);
    }
    const error = { code: "content_filtered", message: "No.", retryable: false };
    expect(canContinue(answer({ status: "failed", error }))).toBe(false);
  });

  test("an answer that belongs to another branch is not shown on this one", () => {
    const state = given(history(talk(2)), accepted(post("1")), history(talk(1)));
    expect(shown(state)).toEqual(["u1", "a1"]);
    expect(shown(when(state, ...shortAnswer("1")))).toEqual(["u1", "a1"]);
  });
});

describe("history", () => {
  test("older pages are added on top", () => {
    const all = talk(3);
    const state = given(history(all.slice(4), true), {
      type: "older.loaded",
      threadId: "t",
      before: "u3",
      messages: all.slice(2, 4),
      hasMore: true,
    });
    expect(shown(state)).toEqual(["u2", "a2", "u3", "a3"]);
  });

  test("an older page that arrives after a change of branch is dropped", () => {
    const state = given(history(talk(3).slice(4), true), history(talk(1)), {
      type: "older.loaded",
      threadId: "t",
      before: "u3",
      messages: talk(2),
      hasMore: false,
    });
    expect(shown(state)).toEqual(["u1", "a1"]);
  });

  test("a refresh keeps the older pages of the branch", () => {
    const all = talk(4);
    const state = given(history(all, true), history(all.slice(4), true));
    expect(shown(state)).toEqual(all.map(({ id }) => id));
  });

  test("a failed refresh keeps the messages on screen", () => {
    const state = given(history(talk(1)), {
      type: "history.failed",
      threadId: "t",
      problem: "offline",
      missing: false,
    });
    expect(state.conversations["t"]?.phase).toBe("ready");
  });
});

describe("the outbox", () => {
  const running = given(history([]), accepted(post("1")));

  test("waits while an answer streams, and continues when it has ended", () => {
    const queued = when(running, { type: "post.added", post: post("2", { status: "queued" }) });
    expect(nextPost(queued)).toBeNull();
    expect(nextPost(when(queued, ...shortAnswer("1")))?.key).toBe("2");
  });

  test("sends one at a time per thread, in order", () => {
    const state = given(
      { type: "post.added", post: post("1", { status: "sending" }) },
      { type: "post.added", post: post("2", { status: "queued" }) },
      { type: "post.added", post: post("3", { status: "queued", threadId: "other" }) },
    );
    expect(nextPost(state)?.key).toBe("3");
  });

  test("keeps a failed post, and sends later ones", () => {
    const state = given(
      { type: "post.added", post: post("1") },
      { type: "post.changed", key: "1", status: "failed", problem: "offline" },
      { type: "post.added", post: post("2", { status: "queued" }) },
    );
    expect(state.outbox.map(({ key }) => key)).toEqual(["1", "2"]);
    expect(nextPost(state)?.key).toBe("2");
  });

  test("drops a failed post that turns out to be on the server", () => {
    const failed = post("1", { status: "failed" });
    expect(given({ type: "post.added", post: failed }, history([message("u-1", null)])).outbox).toEqual([]);
  });
});

describe("the thread list", () => {
  const list = (...ids: string[]) =>
    ({
      type: "list.loaded",
      archived: false,
      threads: ids.map((id) => thread(id)),
      cursor: null,
      append: false,
    }) as const;

  test("marks a thread unread when its answer ends elsewhere", () => {
    const state = given(list("t"), history([]), accepted(post("1")), ...shortAnswer("1"));
    expect(state.list.threads[0]).toMatchObject({ unread: true, running_turn_id: null });
    const open = given(
      { type: "location.changed", location: { threadId: "t", messageId: null } },
      list("t"),
      history([]),
      accepted(post("1")),
      ...shortAnswer("1"),
    );
    expect(open.list.threads[0]?.unread).toBe(false);
  });

  test("moves a thread with a new message to the top", () => {
    const state = given(list("b", "t"), accepted(post("1")));
    expect(state.list.threads.map(({ id }) => id)).toEqual(["t", "b"]);
  });

  test("an archived thread leaves the list", () => {
    const state = given(list("a", "t"), { type: "thread.changed", thread: thread("t", { archived: true }) });
    expect(state.list.threads.map(({ id }) => id)).toEqual(["a"]);
  });

  test("the open thread is known whichever list is shown", () => {
    const open = given(list("t"), history([]), {
      type: "thread.changed",
      thread: thread("t", { title: "Tides" }),
    });
    const archive = when(open, { type: "list.loading", archived: true });
    expect(archive.list.threads).toEqual([]);
    expect(threadAt(archive, "t")?.title).toBe("Tides");
    const archived = {
      type: "thread.changed",
      thread: thread("t", { title: "Old", archived: true }),
    } as const;
    expect(threadAt(when(open, archived), "t")?.title).toBe("Old");
    expect(threadAt(open, "other")).toBeUndefined();
    expect(threadAt(open, null)).toBeUndefined();
  });

  test("deleting a thread deletes its conversation and its posts", () => {
    const state = given(
      list("t"),
      history(talk(1)),
      { type: "post.added", post: post("1") },
      { type: "thread.removed", id: "t" },
    );
    expect([state.list.threads, state.conversations, state.outbox]).toEqual([[], {}, []]);
  });
});
