// Follows one turn's event log until its terminal event, through dropped connections and restarts.
//
//   200 then terminal event ...... done
//   200 then the body ends ....... ask again after the cursor (a drain, a send timeout, a proxy)
//   200 then silence for 45 s .... cut it and ask again (the server comments every 15 s)
//   204 .......................... done: the cursor is past the end
//   404, 410 ..................... gone: the turn itself tells the outcome
//   429, 5xx, no answer .......... ask again with growing, jittered pauses
//   other 4xx .................... thrown: asking again cannot help

import { ApiError } from "./api.ts";
import { isTerminal, parseTurnEvent, type TurnEvent } from "./protocol.ts";
import { sseParser } from "./sse.ts";

export interface Following {
  readonly after: number;
  readonly signal: AbortSignal;
  readonly open: (after: number, signal: AbortSignal) => Promise<Response>;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly random: () => number;
  readonly onEvent: (event: TurnEvent) => void;
  readonly onConnection: (connection: "open" | "lost") => void;
}

const SILENCE = 45_000;
const LONGEST_PAUSE = 15_000;

export async function follow(turn: Following): Promise<"ended" | "gone"> {
  let after = turn.after;
  let failures = 0;
  while (!turn.signal.aborted) {
    const connection = new AbortController();
    const leave = () => connection.abort();
    turn.signal.addEventListener("abort", leave, { once: true });
    const before = after;
    try {
      const response = await turn.open(after, connection.signal);
      turn.onConnection("open");
      if (response.status === 204) return "ended";
      for await (const event of events(response, connection)) {
        if (event.seq <= after) continue;
        // A gap means that something between was lost: the log after the cursor has it.
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
        if (error.retryAfter !== null) await turn.sleep(Math.min(error.retryAfter * 1000, LONGEST_PAUSE));
      }
    } finally {
      turn.signal.removeEventListener("abort", leave);
      connection.abort();
    }
    failures = after > before ? 0 : failures + 1;
    if (failures > 1) turn.onConnection("lost");
    await turn.sleep(pause(failures, turn.random()));
  }
  throw new DOMException("Following was stopped.", "AbortError");
}

/** Milliseconds before the next attempt: a quarter second after progress, then full jitter up to 15 s. */
export function pause(failures: number, random: number): number {
  if (failures === 0) return 250;
  return 250 + random * Math.min(LONGEST_PAUSE, 500 * 2 ** Math.min(failures, 6));
}

async function* events(response: Response, connection: AbortController): AsyncGenerator<TurnEvent> {
  if (response.body === null) return;
  const ready: TurnEvent[] = [];
  const parser = sseParser({
    event: ({ data }) => {
      const event = parseTurnEvent(data);
      if (event !== null) ready.push(event);
    },
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    while (true) {
      const silence = setTimeout(() => connection.abort(), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
