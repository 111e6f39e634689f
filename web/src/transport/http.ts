// Requests to the server. Every failure is an ApiError; status 0 means that no answer arrived.

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

/** The code of an error that does not come from the server itself. */
const UNKNOWN = "unknown";

export interface HttpOptions {
  readonly fetch: typeof fetch;
  /** What stands in front of every path: "" or such as `/chat`. */
  readonly base: string;
  readonly token: () => string | null;
  readonly onUnauthorized: () => void;
}

export interface Http {
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  /** Sends and receives JSON; undefined for an answer without a body. */
  readonly json: <T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<T>;
}

export function createHttp({ fetch, base, token, onUnauthorized }: HttpOptions): Http {
  async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const accessToken = token();
    if (accessToken !== null) headers.set("authorization", `Bearer ${accessToken}`);
    let response: Response;
    try {
      response = await fetch(base + path, {
        ...init,
        headers,
        cache: "no-store",
        credentials: "same-origin",
      });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new ApiError(0, "offline", "The server cannot be reached.", true);
    }
    if (response.status === 401) onUnauthorized();
    if (!response.ok) throw await errorFrom(response);
    return response;
  }

  return {
    request,
    async json<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await request(path, {
        method,
        headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body, wellFormed) }),
      });
      return (response.status === 204 ? undefined : await response.json()) as T;
    },
  };
}

/** Half of a surrogate pair and NUL, which neither UTF-8 nor a database holds, become the replacement character. */
export function wellFormed(_: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  return value.replace(LONE_SURROGATE_OR_NUL, "\ufffd");
}

const LONE_SURROGATE_OR_NUL = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\0/g;

export function errorMessage(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : "Something went wrong.";
}

/** Whether no answer of the server arrived: nothing at all, or the page of a proxy that cannot reach it. */
export function isOffline(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 0 || (error.code === UNKNOWN && [502, 503, 504].includes(error.status));
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 410);
}

async function errorFrom(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const { message, code, retryable } = (body as { error?: Partial<ApiError> } | null)?.error ?? {};
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiError(
    response.status,
    typeof code === "string" ? code : UNKNOWN,
    typeof message === "string" && message !== "" ? message : `The server answered ${response.status}.`,
    typeof retryable === "boolean" ? retryable : response.status >= 500 || response.status === 429,
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}
