// Chats of @ai-sdk/react in Node, driven by lines of JSON: {"id", "call", "tab", ...} in, {"id", "result"} or {"id", "error"} out.
import { createInterface } from "node:readline";
import { Chat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";

const tabs = new Map();

/** A chat as one browser tab has it. `drop` breaks its connections as a network does. */
class Tab {
  requests = [];
  data = [];
  errors = [];
  finished = [];
  #work = Promise.resolve();
  #connections = new Set();
  #waiting = new Set();

  constructor({ chat, api, headers, messages, onlyLast }) {
    this.api = api;
    this.headers = headers;
    this.chat = new Chat({
      id: chat,
      messages,
      transport: new DefaultChatTransport({
        api,
        headers,
        fetch: (url, init) => this.#fetch(url, init),
        prepareSendMessagesRequest: onlyLast
          ? ({ id, messages, trigger, messageId }) => ({ body: { id, message: messages.at(-1), trigger, messageId } })
          : undefined,
      }),
      onData: (part) => this.data.push(part),
      onError: (error) => this.errors.push(error.message),
      onFinish: ({ isAbort, isDisconnect, isError, finishReason }) =>
        this.finished.push({ isAbort, isDisconnect, isError, finishReason }),
    });
    const changed = () => this.#waiting.forEach((look) => look());
    this.chat["~registerStatusCallback"](changed);
    this.chat["~registerMessagesCallback"](changed);
  }

  async #fetch(url, init) {
    const connection = new AbortController();
    this.#connections.add(connection);
    const signals = [connection.signal, init.signal].filter(Boolean);
    const response = await fetch(url, { ...init, signal: AbortSignal.any(signals) });
    this.requests.push({ method: init.method, url, status: response.status, body: init.body && JSON.parse(init.body) });
    if (response.body === null) return response;
    const reader = response.body.getReader();
    const body = new ReadableStream({
      async pull(out) {
        try {
          const { done, value } = await reader.read();
          if (done) out.close();
          else out.enqueue(value);
        } catch (failure) {
          out.error(connection.signal.aborted ? new TypeError("network error") : failure); // as Chromium names it
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, { status: response.status, headers: response.headers });
  }

  get state() {
    const { status, messages, error } = this.chat;
    const { requests, data, errors, finished } = this;
    return { status, messages, error: error?.message ?? null, requests, data, errors, finished };
  }

  /** Begin what takes as long as the answer. */
  begin(work) {
    this.#work = work();
  }

  /** Until what was begun last is over. */
  async end() {
    await this.#work;
    return this.state;
  }

  /** Until the last message, while it is streamed, has this text. */
  until({ text }) {
    const holds = () =>
      this.chat.status === "streaming" &&
      this.chat.lastMessage.parts.map((part) => part.text ?? "").join("").includes(text);
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve(this.state);
      };
      this.#waiting.add(look);
      look();
    });
  }

  drop() {
    for (const connection of this.#connections) connection.abort();
  }

  async stopTurn() {
    await this.chat.stop();
    const answer = await fetch(`${this.api}/${encodeURIComponent(this.chat.id)}/stop`, { method: "POST", headers: this.headers });
    return answer.status;
  }
}

const calls = {
  open: (tab, { tab: name, ...rest }) => void tabs.set(name, new Tab(rest)),
  state: (tab) => tab.state,
  until: (tab, condition) => tab.until(condition),
  send: (tab, { text, messageId }) => tab.begin(() => tab.chat.sendMessage(text === undefined ? undefined : { text, messageId })),
  regenerate: (tab, { messageId }) => tab.begin(() => tab.chat.regenerate({ messageId })),
  resume: (tab) => tab.begin(() => tab.chat.resumeStream()),
  end: (tab) => tab.end(),
  set: (tab, { messages }) => void (tab.chat.messages = messages),
  drop: (tab) => tab.drop(),
  leave: (tab) => tab.chat.stop(),
  stop: (tab) => tab.stopTurn(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, call, ...rest } = JSON.parse(line);
  Promise.resolve()
    .then(() => calls[call](tabs.get(rest.tab), rest))
    .then((result) => console.log(JSON.stringify({ id, result: result ?? null })))
    .catch((failure) => console.log(JSON.stringify({ id, error: String(failure?.stack ?? failure) })));
}
