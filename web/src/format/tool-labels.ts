import type { Part } from "../transport/protocol.ts";

/** A tool call in one line: what was done, with what, and what came of it as far as that is told. */
export function toolWords({ name, input, result }: Part, running: boolean): string {
  if (name !== "search_conversation") {
    const called = typeof name === "string" && name !== "" ? name.replace(/_/g, " ") : "a tool";
    return running ? `Using ${called}` : `Used ${called}`;
  }
  const query = input?.["query"];
  const what = typeof query === "string" && query.trim() !== "" ? ` for “${query.trim()}”` : "";
  if (running) return `Searching this conversation${what}`;
  const found = result?.["found"];
  const count =
    typeof found !== "number"
      ? ""
      : found === 0
        ? ": nothing"
        : found === 1
          ? ": 1 message"
          : `: ${found} messages`;
  return `Searched this conversation${what}${count}`;
}
