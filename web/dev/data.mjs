import { randomUUID } from "node:crypto";
import { contextOf } from "./context.mjs";
import { sampleThreads } from "./samples.mjs";

/** Threads, messages and turns in memory. */
export function createData() {
  const threads = new Map();
  const turns = new Map();
  const messages = new Map();
  const children = new Map();
  const keys = new Map();
  const now = () => new Date().toISOString();

  const info = {
    version: "0.1.0",
    protocol: "palaver.v1",
    backend: "local",
    notice: "A small demo model answers here. Set ANTHROPIC_API_KEY and restart to talk to Claude.",
    models: [
      { id: "claude-haiku", label: "Haiku", tier: "simple" },
      { id: "claude-sonnet", label: "Sonnet", tier: "standard" },
      { id: "claude-opus", label: "Opus", tier: "complex" },
    ],
    window_tokens: 60_000,
  };

  function thread(id, title = null, at = now()) {
    if (!threads.has(id)) {
      threads.set(id, {
        id,
        title,
        metadata: {},
        created_at: at,
        updated_at: at,
        archived: false,
        leaf_id: null,
        unread: false,
        running_turn_id: null,
      });
    }
    return threads.get(id);
  }

  function say(owner, parent, role, parts, facts = {}) {
    const message = {
      id: randomUUID(),
      thread_id: owner.id,
      parent_id: parent,
      role,
      status: "complete",
      parts: typeof parts === "string" ? [{ type: "text", text: parts }] : parts,
      turn_id: null,
      created_at: owner.updated_at,
      model: null,
      usage: null,
      cost_usd: null,
      finish_reason: null,
      error: null,
      feedback: null,
      ...facts,
    };
    messages.set(message.id, message);
    const siblings = `${owner.id}/${parent}`;
    children.set(siblings, [...(children.get(siblings) ?? []), message.id]);
    owner.leaf_id = message.id;
    if (role === "assistant" && message.turn_id === null) {
      // An old answer has a turn too, so that its context report can be opened.
      message.turn_id = `turn-${message.id}`;
      turns.set(message.turn_id, { id: message.turn_id, answer: message, ended: true, events: [] });
    }
    return message;
  }

  const siblingsOf = (message) => children.get(`${message.thread_id}/${message.parent_id}`) ?? [];
  const childrenOf = (owner, id) => children.get(`${owner.id}/${id}`) ?? [];

  function leafUnder(owner, id) {
    let at = id;
    for (let next = childrenOf(owner, at).at(-1); next !== undefined; next = childrenOf(owner, at).at(-1))
      at = next;
    return at;
  }

  function path(owner, leaf = owner.leaf_id) {
    const messagesOnPath = [];
    for (let at = messages.get(leaf); at !== undefined; at = messages.get(at.parent_id))
      messagesOnPath.push(at);
    return messagesOnPath.reverse();
  }

  function startTurn(owner, body) {
    const again = body.regenerate === undefined ? null : messages.get(body.regenerate);
    const parent = body.parent_id === undefined ? owner.leaf_id : body.parent_id;
    const user = again
      ? messages.get(again.parent_id)
      : say(owner, parent, "user", body.input.text, {
          id: body.input.message_id ?? randomUUID(),
          created_at: now(),
        });
    const answer = say(owner, user.id, "assistant", [], { status: "streaming", created_at: now() });
    const turn = {
      id: randomUUID(),
      thread_id: owner.id,
      status: "running",
      events: [],
      readers: new Set(),
      user,
      answer,
      ended: false,
      cancelled: false,
      text: user.parts[0].text,
      model: body.model ?? null,
    };
    user.turn_id ??= turn.id;
    answer.turn_id = turn.id;
    turns.set(turn.id, turn);
    owner.running_turn_id = turn.id;
    owner.updated_at = now();
    append(turn, {
      type: "turn.started",
      protocol: "palaver.v1",
      thread_id: owner.id,
      message_id: answer.id,
      user_message_id: user.id,
    });
    return turn;
  }

  function append(turn, event) {
    turn.events.push({ ...event, seq: turn.events.length + 1, turn_id: turn.id });
    if (event.type === "part.started") {
      const { kind, name, input } = event;
      turn.answer.parts.push(kind === "tool" ? { type: kind, name, input } : { type: kind, text: "" });
    }
    const part = turn.answer.parts.at(-1);
    if (event.type === "part.delta") part.text += event.text;
    if (event.type === "part.ended" && event.result !== undefined) part.result = event.result;
    if (event.type === "part.ended" && event.seconds !== undefined) part.seconds = event.seconds;
    for (const pump of turn.readers) pump();
  }

  function finish(turn, text) {
    const { answer } = turn;
    const owner = threads.get(turn.thread_id);
    const usage = { input_tokens: 4812, output_tokens: 357, total_tokens: 5169, cached_input_tokens: 4420 };
    Object.assign(answer, { model: turn.model ?? "claude-sonnet", usage, cost_usd: "0.004821" });
    if (owner !== undefined && owner.title === null) {
      owner.title = title(text);
      append(turn, { type: "note", name: "title", data: { title: owner.title } });
    }
    if (turn.cancelled) {
      Object.assign(turn, { status: "cancelled" });
      answer.status = "cancelled";
      append(turn, { type: "turn.cancelled", usage });
    } else if (text.includes("fail")) {
      const error = {
        code: "upstream_error",
        message: "The model could not be reached after three attempts.",
        retryable: true,
      };
      Object.assign(turn, { status: "failed", error });
      Object.assign(answer, { status: "failed", error });
      append(turn, { type: "turn.failed", error, usage });
    } else {
      turn.status = "completed";
      Object.assign(answer, { status: "complete", finish_reason: "stop" });
      append(turn, { type: "turn.completed", finish_reason: "stop", usage });
    }
    if (owner !== undefined) Object.assign(owner, { running_turn_id: null, unread: true, updated_at: now() });
    turn.ended = true;
    for (const pump of turn.readers) pump();
  }

  const publicMessage = (message) => ({ ...message, sibling_ids: siblingsOf(message) });
  const data = {
    info,
    threads,
    turns,
    keys,
    thread,
    say,
    leafUnder,
    path,
    startTurn,
    append,
    finish,
    publicMessage,
    message: (id) => messages.get(id),
    publicThread: (owner) => ({ ...owner }),
    accepted: ({ id, thread_id, status, answer, user }) => ({
      id,
      thread_id,
      status,
      message_id: answer.id,
      user_message_id: user.id,
    }),
    publicTurn: (turn) => ({
      id: turn.id,
      thread_id: turn.thread_id,
      status: turn.status,
      last_seq: turn.events.length,
      message: publicMessage(turn.answer),
      user_message_id: turn.user.id,
      message_id: turn.answer.id,
      usage: turn.answer.usage,
      error: turn.error ?? null,
      created_at: turn.answer.created_at,
      finished_at: null,
    }),
    context: (turn) => contextOf(turn, path(threads.get(turn.answer.thread_id), turn.answer.id)),
    search(q) {
      const query = q.toLowerCase();
      const results = [];
      for (const message of messages.values()) {
        const text = message.parts.map((part) => part.text ?? "").join(" ");
        const at = text.toLowerCase().indexOf(query);
        if (at < 0 || results.length === 20 || !threads.has(message.thread_id)) continue;
        const from = Math.max(0, at - 50);
        results.push({
          thread_id: message.thread_id,
          thread_title: threads.get(message.thread_id).title,
          message_id: message.id,
          role: message.role,
          created_at: message.created_at,
          snippet: [
            { text: text.slice(from, at), match: false },
            { text: text.slice(at, at + q.length), match: true },
            { text: text.slice(at + q.length, at + q.length + 90), match: false },
          ],
        });
      }
      return results;
    },
  };
  sampleThreads(data);
  return data;
}

function title(text) {
  const words = text.split(/\s+/).slice(0, 6).join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
