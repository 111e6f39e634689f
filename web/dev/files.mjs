import { readFile } from "node:fs/promises";

const DIST = new URL("../dist/", import.meta.url);
const TYPES = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export async function sendFile(response, path, csp) {
  const name = /^\/assets\/[\w.-]+$/.test(path) ? path.slice(1) : "index.html";
  try {
    const content = await readFile(new URL(name, DIST));
    const headers = { "content-type": TYPES[name.split(".").pop()] ?? "application/octet-stream" };
    response.writeHead(200, csp ? { ...headers, "content-security-policy": CSP } : headers).end(content);
  } catch {
    response.writeHead(404).end();
  }
}
