// Why the server refused a post, in words for the person who wrote it. Pure.

import { ApiError, errorMessage } from "../transport/http.ts";

/** As the server limits them: letters of a message, and bytes of a request. */
const MAX_LETTERS = 400_000;

export function refusalText(error: unknown): string {
  const text = errorMessage(error);
  if (!(error instanceof ApiError)) return text;
  const isTooLong = error.code === "too_large" || /at most 400,?000 characters/.test(text);
  if (isTooLong)
    return `The message is too long. At most ${MAX_LETTERS.toLocaleString("en")} characters, or 1 MB, can be sent at once.`;
  return error.status === 400 ? text.replace(/^[\w.]+: (Value error, )?/, "The text ") : text;
}
