import type { Part } from "../transport/protocol.ts";

/** A tool call in one line: its name, its input, and its result as far as the server sends it. */
export function toolLabel({ name, input, result }: Part, running: boolean): string {
  if (name !== "search_conversation") {
    const tool = typeof name === "string" && name !== "" ? name.replace(/_/g, " ") : "a tool";
    return running ? `Using ${tool}` : `Used ${tool}`;
  }
  const query = input?.["query"];
  const subject = typeof query === "string" && query.trim() !== "" ? ` for “${query.trim()}”` : "";
  if (running) return `Searching this conversation${subject}`;
  return `Searched this conversation${subject}${hits(result?.["found"])}`;
}

function hits(count: unknown): string {
  if (typeof count !== "number") return "";
  if (count === 0) return ": nothing";
  return count === 1 ? ": 1 message" : `: ${count} messages`;
}
