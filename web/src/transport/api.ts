// The routes of the HTTP API. No other file knows them.

import { createHttp, type HttpOptions, wellFormed } from "./http.ts";
import type {
  AcceptedTurn,
  Instructions,
  KeyFact,
  Message,
  Presence,
  Rating,
  SearchResult,
  ServerInfo,
  Summary,
  SummaryLine,
  Thread,
  Turn,
  TurnContext,
} from "./protocol.ts";

export interface TurnRequest {
  readonly input?: { readonly text: string; readonly message_id: string };
  readonly parent_id?: string | null;
  readonly regenerate?: string;
  readonly continue?: string;
  readonly model?: string;
}

export interface ThreadChange {
  readonly title?: string;
  readonly archived?: boolean;
  readonly leaf_id?: string;
  readonly read?: true;
  /** `auto` removes the pin. */
  readonly tier?: string;
}

interface ThreadPage {
  readonly threads: Thread[];
  readonly next_cursor: string | null;
}

interface MessagePage {
  readonly messages: Message[];
  readonly has_more: boolean;
  readonly leaf_id: string | null;
}

export type Api = ReturnType<typeof createApi>;

export function createApi(options: HttpOptions) {
  const { request, json } = createHttp(options);
  return {
    info: () => json<ServerInfo>("GET", "/api/info"),
    threads: (query: { archived: boolean; cursor?: string; q?: string }) =>
      json<ThreadPage>("GET", `/api/threads?${queryString({ limit: 50, ...query })}`),
    thread: (id: string) => json<Thread>("GET", threadPath(id)),
    changeThread: (id: string, change: ThreadChange) => json<Thread>("PATCH", threadPath(id), change),
    deleteThread: (id: string) => json<void>("DELETE", threadPath(id)),
    messages: (id: string, query: { limit: number; before?: string }) =>
      json<MessagePage>("GET", `${threadPath(id)}/messages?${queryString(query)}`),
    search: (q: string) =>
      json<{ results: SearchResult[] }>("GET", `/api/search?${queryString({ q, limit: 20 })}`),
    startTurn: (thread: string, key: string, body: TurnRequest) =>
      json<AcceptedTurn>("POST", `${threadPath(thread)}/turns`, body, { "idempotency-key": key }),
    turn: (id: string) => json<Turn>("GET", turnPath(id)),
    context: (id: string) => json<TurnContext>("GET", `${turnPath(id)}/context`),
    cancelTurn: (id: string) => json<void>("POST", `${turnPath(id)}/cancel`, {}),
    instructions: (thread: string) => json<Instructions>("GET", `${threadPath(thread)}/instructions`),
    setInstructions: (thread: string, text: string) =>
      json<Instructions>("PUT", `${threadPath(thread)}/instructions`, { text }),
    removeInstructions: (thread: string) =>
      json<Instructions>("DELETE", `${threadPath(thread)}/instructions`),
    summary: (thread: string) => json<Summary>("GET", `${threadPath(thread)}/summary`),
    /** Corrects version `id`; 404 when it is no longer the newest. */
    correctSummary: (
      thread: string,
      id: string,
      lines: readonly SummaryLine[],
      facts: readonly KeyFact[] | undefined,
    ) => json<Summary>("PUT", `${threadPath(thread)}/summary`, { id, lines, facts }),
    undoSummary: (thread: string) => json<Summary>("DELETE", `${threadPath(thread)}/summary`),
    compact: (thread: string) => json<Summary>("POST", `${threadPath(thread)}/summary/compact`, {}),
    /** The request outlives the page, so that a closing page can report that it closes. */
    presence: (thread: string, state: Presence) =>
      request(`${threadPath(thread)}/presence`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ state }),
        keepalive: true,
      }),
    usage: <T>(query: Record<string, string | number>) => json<T>("GET", `/api/usage?${queryString(query)}`),
    routingUsage: <T>(query: Record<string, string | number>) =>
      json<T>("GET", `/api/usage/routing?${queryString(query)}`),
    budgets: <T>() => json<T>("GET", "/api/budgets"),
    /** Fetches a file with the access token, which a plain link cannot send. */
    download: async (path: string) => (await request(path)).blob(),
    rate: (message: string, rating: Rating | null) =>
      json<Message>("PUT", `/api/messages/${encodeURIComponent(message)}/feedback`, { rating }),
    /** Opens the event stream of a turn after `seq`. */
    events: (turn: string, seq: number, signal: AbortSignal) =>
      request(`${turnPath(turn)}/events?after=${seq}`, {
        headers: { accept: "text/event-stream", "last-event-id": String(seq) },
        signal,
      }),
  };
}

function threadPath(id: string): string {
  return `/api/threads/${encodeURIComponent(id)}`;
}

function turnPath(id: string): string {
  return `/api/turns/${encodeURIComponent(id)}`;
}

function queryString(query: Record<string, string | number | boolean | undefined>): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(
    pairs.map(([name, value]) => [name, String(wellFormed(name, value))]),
  ).toString();
}
