// The only file that knows the routes. Every failure is an ApiError: `status` 0 means that no answer came.

import type {
  Accepted,
  Info,
  Message,
  Presence,
  Rating,
  SearchResult,
  Summary,
  SummaryLine,
  Thread,
  Turn,
  TurnContext,
} from "./protocol.ts";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryable: boolean,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

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
  /** `auto` takes the pin off. */
  readonly tier?: string;
}

export type Api = ReturnType<typeof createApi>;

export interface Transport {
  readonly fetch: typeof fetch;
  readonly token: () => string | null;
  readonly onUnauthorized: () => void;
}

export function createApi({ fetch, token, onUnauthorized }: Transport) {
  async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const secret = token();
    if (secret !== null) headers.set("authorization", `Bearer ${secret}`);
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers, cache: "no-store", credentials: "same-origin" });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new ApiError(0, "offline", "The server cannot be reached.", true);
    }
    if (response.status === 401) onUnauthorized();
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  async function json<T>(
    method: string,
    path: string,
    body?: unknown,
    extra?: Record<string, string>,
  ): Promise<T> {
    const headers = { ...extra, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const response = await request(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  const at = encodeURIComponent;
  return {
    info: () => json<Info>("GET", "/api/info"),
    threads: (query: { archived: boolean; cursor?: string; q?: string }) =>
      json<{ threads: Thread[]; next_cursor: string | null }>(
        "GET",
        `/api/threads?${search({ limit: 50, ...query })}`,
      ),
    thread: (id: string) => json<Thread>("GET", `/api/threads/${at(id)}`),
    createThread: (id: string) => json<Thread>("POST", "/api/threads", { id }),
    changeThread: (id: string, change: ThreadChange) =>
      json<Thread>("PATCH", `/api/threads/${at(id)}`, change),
    deleteThread: (id: string) => json<void>("DELETE", `/api/threads/${at(id)}`),
    messages: (id: string, query: { limit: number; before?: string }) =>
      json<{ messages: Message[]; has_more: boolean; leaf_id: string | null }>(
        "GET",
        `/api/threads/${at(id)}/messages?${search(query)}`,
      ),
    search: (q: string) =>
      json<{ results: SearchResult[] }>("GET", `/api/search?${search({ q, limit: 20 })}`),
    startTurn: (thread: string, key: string, body: TurnRequest) =>
      json<Accepted>("POST", `/api/threads/${at(thread)}/turns`, body, { "idempotency-key": key }),
    turn: (id: string) => json<Turn>("GET", `/api/turns/${at(id)}`),
    context: (id: string) => json<TurnContext>("GET", `/api/turns/${at(id)}/context`),
    cancelTurn: (id: string) => json<void>("POST", `/api/turns/${at(id)}/cancel`, {}),
    summary: (thread: string) => json<Summary>("GET", `/api/threads/${at(thread)}/summary`),
    /** `id` is the version that is corrected; 404 when it is no longer the newest. */
    correctSummary: (thread: string, id: string, lines: readonly SummaryLine[]) =>
      json<Summary>("PUT", `/api/threads/${at(thread)}/summary`, { id, lines }),
    undoSummary: (thread: string) => json<Summary>("DELETE", `/api/threads/${at(thread)}/summary`),
    fold: (thread: string) => json<Summary>("POST", `/api/threads/${at(thread)}/summary/fold`, {}),
    /** Outlives the page, so that a closing page can still say so. */
    presence: (thread: string, state: Presence) =>
      request(`/api/threads/${at(thread)}/presence`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ state }),
        keepalive: true,
      }),
    usage: <T>(query: Record<string, string | number>) => json<T>("GET", `/api/usage?${search(query)}`),
    budgets: <T>() => json<T>("GET", "/api/budgets"),
    /** A file, fetched with the token that a plain link could not send. */
    download: async (path: string) => (await request(path)).blob(),
    rate: (message: string, rating: Rating | null) =>
      json<Message>("PUT", `/api/messages/${at(message)}/feedback`, { rating }),
    /** The event stream of a turn after `seq`, unread. Errors are ApiErrors, as everywhere. */
    events: (turn: string, seq: number, signal: AbortSignal) =>
      request(`/api/turns/${at(turn)}/events?after=${seq}`, {
        headers: { accept: "text/event-stream", "last-event-id": String(seq) },
        signal,
      }),
  };
}

function search(query: Record<string, string | number | boolean | undefined>): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
}

async function problemOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const { message, code, retryable } = (body as { error?: Partial<ApiError> } | null)?.error ?? {};
  const wait = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiError(
    response.status,
    typeof code === "string" ? code : "unknown",
    typeof message === "string" && message !== "" ? message : `The server answered ${response.status}.`,
    typeof retryable === "boolean" ? retryable : response.status >= 500 || response.status === 429,
    Number.isFinite(wait) ? wait : null,
  );
}
