// A demo server for the page without a backend: it has the HTTP API, keeps everything in memory, and can show every state of
// the page. It is only as exact as the page needs, so it is no fake for tests.
//   node dev/server.mjs [--port 8190] [--no-csp] [--token secret] [--slow 30]
// Send "fail", "drop", "refuse" or "long" to make the turn fail, lose its connection, be refused once, or take long.

import { createServer } from "node:http";
import { createApi } from "./api.mjs";
import { sendFile } from "./files.mjs";

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
};
const port = Number(option("port", "8190"));
const token = option("token", null);
const csp = !process.argv.includes("--no-csp");
const api = createApi({ delay: Number(option("slow", "30")), token });

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname.startsWith("/api/")) api(request, response, url);
  else sendFile(response, url.pathname, csp);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
