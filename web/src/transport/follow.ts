// Follows the event log of one turn to its terminal event, through dropped connections and restarts.
//
//   200, then the terminal event ... done
//   200, then the body ends ........ reconnect after the cursor (server draining, send timeout, proxy)
//   200, then 45 s of silence ...... abort and reconnect (the server sends a comment every 15 s)
//   204 ............................ done: the cursor is past the end
//   404, 410 ....................... gone: the turn itself has the outcome
//   429, 5xx, no answer ............ reconnect with growing, jittered delays
//   other 4xx ...................... thrown: a retry cannot help

import { ApiError } from "./http.ts";
import { isTerminal, parseTurnEvent, type TurnEvent } from "./protocol.ts";
import { sseParser } from "./sse.ts";

export interface FollowOptions {
  readonly after: number;
  readonly signal: AbortSignal;
  readonly open: (after: number, signal: AbortSignal) => Promise<Response>;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly random: () => number;
  readonly onEvent: (event: TurnEvent) => void;
  readonly onConnection: (connection: "open" | "lost") => void;
}

const SILENCE_TIMEOUT = 45_000;
const MAX_RETRY_DELAY = 15_000;

export async function follow(turn: FollowOptions): Promise<"ended" | "gone"> {
  let after = turn.after;
  let failures = 0;
  while (!turn.signal.aborted) {
    const connection = new AbortController();
    const disconnect = () => connection.abort();
    turn.signal.addEventListener("abort", disconnect, { once: true });
    const before = after;
    try {
      const response = await turn.open(after, connection.signal);
      turn.onConnection("open");
      if (response.status === 204) return "ended";
      for await (const event of events(response, connection)) {
        if (event.seq <= after) continue;
        // Events in between are missing: read the log again after the cursor.
        if (event.seq > after + 1) break;
        after = event.seq;
        turn.onEvent(event);
        if (isTerminal(event)) return "ended";
      }
    } catch (error) {
      if (turn.signal.aborted) break;
      if (error instanceof ApiError) {
        if (error.status === 404 || error.status === 410) return "gone";
        if (error.status !== 0 && error.status !== 429 && error.status < 500) throw error;
        if (error.retryAfter !== null) await turn.sleep(Math.min(error.retryAfter * 1000, MAX_RETRY_DELAY));
      }
    } finally {
      turn.signal.removeEventListener("abort", disconnect);
      connection.abort();
    }
    failures = after > before ? 0 : failures + 1;
    if (failures > 1) turn.onConnection("lost");
    await turn.sleep(retryDelay(failures, turn.random()));
  }
  throw new DOMException("Following was stopped.", "AbortError");
}

/** Milliseconds before the next attempt: a quarter second after progress, then full jitter up to 15 s. */
export function retryDelay(failures: number, random: number): number {
  if (failures === 0) return 250;
  return 250 + random * Math.min(MAX_RETRY_DELAY, 500 * 2 ** Math.min(failures, 6));
}

async function* events(response: Response, connection: AbortController): AsyncGenerator<TurnEvent> {
  if (response.body === null) return;
  const parsed: TurnEvent[] = [];
  const parser = sseParser({
    event: ({ data }) => {
      const event = parseTurnEvent(data);
      if (event !== null) parsed.push(event);
    },
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    while (true) {
      const timeout = setTimeout(() => connection.abort(), SILENCE_TIMEOUT);
      const { done, value } = await reader.read().finally(() => clearTimeout(timeout));
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* parsed.splice(0);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
