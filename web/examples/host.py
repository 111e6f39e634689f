"""A host that gives each of its users a conversation: it knows who they are, and signs a token for each."""

import os
import time

import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

PALAVER = "http://localhost:8100"
HOST = "http://localhost:8000"
SECRET = os.environ["PALAVER_JWT_SECRET"]  # Palaver has the same

PAGE = """<!doctype html><meta charset="utf-8"><title>Support</title>
<main aria-live="polite" style="white-space: pre-wrap"></main>
<form><input name="text" aria-label="Message" required autofocus> <button>Send</button></form>
<script type="module">
const [main, form] = [document.querySelector("main"), document.querySelector("form")];
const ask = async (path, body) => fetch("PALAVER/api/threads/support" + path, { method: body ? "POST" : "GET", body,
  headers: { authorization: "Bearer " + await (await fetch("/token")).text(), accept: "text/event-stream, application/json",
    ...(body && { "content-type": "application/json", "idempotency-key": crypto.randomUUID() }) } });
const stored = await ask("/messages");
for (const { parts } of stored.ok ? (await stored.json()).messages : [])
  main.append(parts.map((part) => part.text ?? "").join("") + "\\n");
form.onsubmit = async (submitted) => {
  submitted.preventDefault();
  const text = form.elements.text.value;
  form.reset();
  main.append(text + "\\n");
  const answer = await ask("/turns", JSON.stringify({ input: { text } }));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", piece; !(piece = await reader.read()).done; ) {
    const lines = (rest + piece.value).split("\\n");
    rest = lines.pop();
    for (const line of lines.filter((line) => line.startsWith("data: "))) {
      const event = JSON.parse(line.slice(6));
      if (event.type === "part.delta") main.append(event.text);
      if (event.type === "turn.failed") main.append("[" + event.error.message + "]");
    }
  }
  main.append("\\n");
};
</script>""".replace("PALAVER", PALAVER)


async def page(request: Request) -> HTMLResponse:
    """The page of somebody who is logged in."""
    return HTMLResponse(PAGE if "user" in request.cookies else "<a href='/login?user=ada'>Log in as Ada</a>")


async def login(request: Request) -> RedirectResponse:
    """Stands for the login that you have."""
    answer = RedirectResponse("/")
    answer.set_cookie("user", request.query_params["user"], httponly=True, samesite="strict")
    return answer


async def token(request: Request) -> PlainTextResponse:
    """Ten minutes in one thread, from this page alone."""
    user, now = request.cookies.get("user"), int(time.time())
    if user is None:
        return PlainTextResponse("log in first", 401)
    limits = {"thread": "support", "origins": [HOST]}
    claims = {"sub": user, "iss": HOST, "aud": "palaver", "iat": now, "exp": now + 600, "palaver": limits}
    return PlainTextResponse(jwt.encode(claims, SECRET, "HS256"), headers={"cache-control": "no-store"})


app = Starlette(routes=[Route("/", page), Route("/login", login), Route("/token", token)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(HOST.rpartition(":")[2]), log_level="warning")
