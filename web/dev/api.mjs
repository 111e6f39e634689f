import { randomUUID } from "node:crypto";
import { answerTo } from "./answers.mjs";
import { createSummaries } from "./summaries.mjs";
import { budgets, usageCalls, usageReport } from "./usage.mjs";
import { createData } from "./data.mjs";

export function createApi({ delay, token }) {
  const data = createData();
  const { threads, turns, keys } = data;
  const summaries = createSummaries(data);
  let refusedOnce = false;

  const ROUTES = [
    ["GET", /^\/api\/info$/, (call) => call.json(200, data.info)],
    ["GET", /^\/api\/budgets$/, (call) => call.json(200, { budgets })],
    ["GET", /^\/api\/usage$/, (call) => call.json(200, usageReport(call.query))],
    ["GET", /^\/api\/usage\/calls$/, (call) => call.text(200, usageCalls())],
    ["GET", /^\/api\/threads$/, listThreads],
    [
      "POST",
      /^\/api\/threads$/,
      (call) => {
        const exists = threads.has(call.body.id);
        call.json(
          exists ? 200 : 201,
          data.publicThread(data.thread(call.body.id ?? randomUUID(), call.body.title)),
        );
      },
    ],
    ["GET", /^\/api\/search$/, (call) => call.json(200, { results: data.search(call.query.get("q") ?? "") })],
    [
      "GET",
      /^\/api\/threads\/([^/]+)$/,
      withThread((call, thread) => call.json(200, data.publicThread(thread))),
    ],
    ["PATCH", /^\/api\/threads\/([^/]+)$/, withThread(changeThread)],
    [
      "DELETE",
      /^\/api\/threads\/([^/]+)$/,
      withThread((call, thread) => {
        threads.delete(thread.id);
        call.empty(204);
      }),
    ],
    ["GET", /^\/api\/threads\/([^/]+)\/messages$/, withThread(listMessages)],
    [
      "POST",
      /^\/api\/threads\/([^/]+)\/turns$/,
      (call, id) => {
        // The first turn creates its thread.
        if (!threads.has(id)) data.thread(id);
        withThread(startTurn)(call, id);
      },
    ],
    ["GET", /^\/api\/threads\/([^/]+)\/instructions$/, withThread(sendInstructions)],
    ["PUT", /^\/api\/threads\/([^/]+)\/instructions$/, withThread(setInstructions)],
    ["DELETE", /^\/api\/threads\/([^/]+)\/instructions$/, withThread(setInstructions)],
    ["GET", /^\/api\/threads\/([^/]+)\/summary$/, withThread(sendSummary)],
    [
      "PUT",
      /^\/api\/threads\/([^/]+)\/summary$/,
      withThread((call, thread) => {
        if (!summaries.edit(thread, call.body))
          return call.problem(404, "not_found", "The summary has changed; load it again.");
        sendSummary(call, thread);
      }),
    ],
    [
      "DELETE",
      /^\/api\/threads\/([^/]+)\/summary$/,
      withThread((call, thread) => {
        summaries.undo(thread);
        sendSummary(call, thread);
      }),
    ],
    [
      "POST",
      /^\/api\/threads\/([^/]+)\/summary\/compact$/,
      withThread((call, thread) => {
        summaries.compact(thread);
        setTimeout(() => sendSummary(call, thread), 1200);
      }),
    ],
    ["POST", /^\/api\/threads\/([^/]+)\/presence$/, withThread((call) => call.empty(204))],
    ["GET", /^\/api\/turns\/([^/]+)$/, withTurn((call, turn) => call.json(200, data.publicTurn(turn)))],
    ["GET", /^\/api\/turns\/([^/]+)\/events$/, withTurn(streamEvents)],
    ["GET", /^\/api\/turns\/([^/]+)\/context$/, withTurn((call, turn) => call.json(200, data.context(turn)))],
    [
      "POST",
      /^\/api\/turns\/([^/]+)\/cancel$/,
      withTurn((call, turn) => {
        turn.cancelled = true;
        call.json(202, {});
      }),
    ],
    [
      "PUT",
      /^\/api\/messages\/([^/]+)\/feedback$/,
      (call, id) => {
        const message = data.message(id);
        message.feedback = call.body.rating;
        call.json(200, data.publicMessage(message));
      },
    ],
  ];

  function withThread(act) {
    return (call, id) =>
      threads.has(id)
        ? act(call, threads.get(id))
        : call.problem(404, "not_found", "There is no such thread.");
  }

  function withTurn(act) {
    return (call, id) =>
      turns.has(id) ? act(call, turns.get(id)) : call.problem(404, "not_found", "There is no such turn.");
  }

  function sendSummary(call, thread) {
    call.json(200, summaries.shown(thread));
  }

  function sendInstructions(call, thread) {
    const versions = thread.instructions ?? [];
    const text = versions[0]?.text ?? null;
    call.json(200, { digest: thread.instructions_digest, text, versions });
  }

  function setInstructions(call, thread) {
    const text = call.body?.text ?? null;
    const version = { text, after_id: thread.leaf_id, set_at: new Date().toISOString() };
    thread.instructions = [version, ...(thread.instructions ?? [])];
    thread.instructions_digest = text === null ? null : `digest of ${text}`;
    sendInstructions(call, thread);
  }

  function listThreads(call) {
    const archived = call.query.get("archived") === "true";
    const q = (call.query.get("q") ?? "").toLowerCase();
    const all = [...threads.values()].filter(
      (thread) => thread.archived === archived && (thread.title ?? "").toLowerCase().includes(q),
    );
    all.sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
    const from = Number(call.query.get("cursor") ?? 0);
    const limit = Number(call.query.get("limit") ?? 50);
    const page = all.slice(from, from + limit);
    const next = from + limit < all.length ? String(from + limit) : null;
    call.json(200, { threads: page.map(data.publicThread), next_cursor: next });
  }

  function changeThread(call, thread) {
    const { title, archived, leaf_id: leaf, read } = call.body;
    if (title !== undefined) thread.title = title;
    if (archived !== undefined) thread.archived = archived;
    if (leaf !== undefined) thread.leaf_id = data.leafUnder(thread, leaf);
    if (read) thread.unread = false;
    call.json(200, data.publicThread(thread));
  }

  function listMessages(call, thread) {
    const path = data.path(thread);
    const before = call.query.get("before");
    const end = before === null ? path.length : path.findIndex(({ id }) => id === before);
    const from = Math.max(0, end - Number(call.query.get("limit") ?? 50));
    call.json(200, {
      messages: path.slice(from, end).map(data.publicMessage),
      has_more: from > 0,
      leaf_id: thread.leaf_id,
    });
  }

  function startTurn(call, thread) {
    const key = call.request.headers["idempotency-key"];
    const earlier = keys.get(key);
    if (earlier !== undefined)
      return call.json(200, data.accepted(earlier), { "idempotency-replayed": "true" });
    if (thread.running_turn_id !== null)
      return call.problem(409, "thread_busy", "A turn is already running in this thread.", false);
    const text = call.body.input?.text ?? "";
    if (text === "refuse" && !refusedOnce) {
      refusedOnce = true;
      return call.problem(
        400,
        "bad_request",
        "This message was refused once, to show how that looks.",
        false,
      );
    }
    const turn = data.startTurn(thread, call.body);
    keys.set(key, turn);
    call.json(202, data.accepted(turn), { location: `/api/turns/${turn.id}/events` });
    void run(turn, text);
  }

  async function run(turn, text) {
    const pause = () => new Promise((wake) => setTimeout(wake, delay));
    for (const step of answerTo(text, turn)) {
      if (turn.cancelled) break;
      await new Promise((wake) => setTimeout(wake, step.wait ?? 0));
      data.append(turn, step.event);
      if (step.event.type === "part.delta") await pause();
    }
    data.finish(turn, text);
  }

  function streamEvents(call, turn) {
    const { request, response } = call;
    let seq = Math.max(Number(call.query.get("after") ?? 0), Number(request.headers["last-event-id"] ?? 0));
    if (turn.ended && seq >= turn.events.length) return call.empty(204);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    response.write("retry: 1500\n");
    const drops = turn.text.includes("drop") && seq === 0;
    const pump = () => {
      for (; seq < turn.events.length; seq++) {
        response.write(`data: ${JSON.stringify(turn.events[seq])}\nid: ${seq + 1}\n\n`);
        if (drops && seq > 40) return response.destroy();
      }
      if (turn.ended) response.end();
    };
    turn.readers.add(pump);
    request.on("close", () => turn.readers.delete(pump));
    response.on("close", () => turn.readers.delete(pump));
    pump();
  }

  return async (request, response, url) => {
    const call = {
      request,
      response,
      query: url.searchParams,
      json(status, value, headers = {}) {
        response
          .writeHead(status, { "content-type": "application/json", ...headers })
          .end(JSON.stringify(value));
      },
      text: (status, value) => response.writeHead(status, { "content-type": "text/plain" }).end(value),
      empty: (status) => response.writeHead(status).end(),
      problem(status, code, message, retryable = status >= 500) {
        call.json(status, {
          error: { message, type: "error", code, param: null, retryable, request_id: randomUUID() },
        });
      },
    };
    if (token !== null && request.headers.authorization !== `Bearer ${token}`)
      return call.problem(401, "unauthorized", "A token is needed.", false);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    call.body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
    for (const [method, pattern, act] of ROUTES) {
      const match = request.method === method ? pattern.exec(url.pathname) : null;
      if (match !== null) return act(call, ...match.slice(1).map(decodeURIComponent));
    }
    call.problem(404, "not_found", "There is no such route.");
  };
}
