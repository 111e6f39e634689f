// All wiring: the only file where real things are made and put together.

import { render } from "preact";
import { keepPresence } from "./actions/presence.ts";
import { createSummaries } from "./actions/summaries.ts";
import { keepInStep } from "./actions/tab-sync.ts";
import { createThreads } from "./actions/threads.ts";
import { createTurns } from "./actions/turns.ts";
import type { World } from "./actions/dependencies.ts";
import { createApi } from "./transport/api.ts";
import { newId } from "./app/ids.ts";
import { lazy } from "./markdown/lazy.ts";
import { createHighlight } from "./markdown/highlight.ts";
import { createPainter } from "./markdown/paint.ts";
import { createParser } from "./markdown/parser.ts";
import { createSanitiser } from "./markdown/sanitize.ts";
import { lasting, passing } from "./storage/browser-storage.ts";
import { keepPosts, takePosts } from "./storage/outbox.ts";
import { isUsage, pathOf, placeOf } from "./app/url.ts";
import type { Place, Post } from "./state/state.ts";
import { createStore, StoreContext } from "./app/store.ts";
import "./styles/all.css";
import { createTheme } from "./app/theme.ts";
import { App } from "./views/App.tsx";
import { type Deeds, DeedsContext } from "./views/hooks/actions-context.ts";
import { UsageDoor } from "./usage/UsageRoute.tsx";

const store = createStore();
const figures = isUsage(location);
const token = () => passing.read("token") ?? lasting.read("token");
const channel = typeof BroadcastChannel === "function" ? new BroadcastChannel("palaver") : null;

const api = createApi({
  fetch: (...request) => fetch(...request),
  token,
  onUnauthorized: () =>
    store.dispatch({ type: "access.changed", access: token() === null ? "needed" : "refused" }),
});

function go(place: Place, how: "push" | "replace" = "push"): void {
  history[how === "push" ? "pushState" : "replaceState"](null, "", pathOf(place));
  arrive(place);
}

const world: World = {
  api,
  store,
  memory: lasting,
  newId,
  now: () => new Date(),
  sleep: (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds)),
  go,
  tell: (threadId) => channel?.postMessage(threadId),
};
const summaries = createSummaries(world);
const turns = createTurns(world, (threadId) => threads.open(threadId), summaries.afterTurn);
const threads = createThreads(world, turns.attach, summaries.refresh);

function arrive(place: Place): void {
  store.dispatch({ type: "place.changed", place });
  if (place.threadId !== null) void threads.open(place.threadId);
}

/** Without it the page works, but names no models; it is asked again when the server is back. */
function inform(): void {
  api.info().then(
    (info) => store.dispatch({ type: "info.loaded", info }),
    () => undefined,
  );
}

function load(): void {
  store.dispatch({ type: "access.changed", access: "open" });
  inform();
  if (figures) return;
  void threads.list();
  arrive(placeOf(location));
}

const colours = lazy(() => import("./markdown/languages.ts"));
const formulas = lazy(() => import("./markdown/typeset.ts"));
const parser = createParser({ house: true, highlight: createHighlight(colours) });
const sanitise = createSanitiser(window);

const deeds: Deeds = {
  api,
  store,
  turns,
  threads,
  summaries,
  memory: lasting,
  session: passing,
  newId,
  theme: createTheme(lasting, document.documentElement),
  go,
  start(text) {
    const threadId = newId();
    history.pushState(null, "", pathOf({ threadId, messageId: null }));
    store.dispatch({ type: "place.changed", place: { threadId, messageId: null } });
    turns.say(threadId, text);
  },
  useToken(secret, remember) {
    passing.write("token", remember ? null : secret);
    lasting.write("token", remember ? secret : null);
    load();
  },
  painter: (target) =>
    createPainter(target, parser, sanitise, (tex, display) => formulas.get()?.typeset(tex, display) ?? null),
  onFinery(listener) {
    colours.onReady(listener);
    formulas.onReady(listener);
  },
};

const tab = passing.read("tab") ?? newId();
passing.write("tab", tab);
for (const post of takePosts(lasting, tab, Date.now())) store.dispatch({ type: "post.added", post });
let kept: readonly Post[] = [];
store.subscribe(() => {
  if (store.state.outbox === kept) return;
  kept = store.state.outbox;
  keepPosts(lasting, tab, kept, Date.now());
});

window.addEventListener("popstate", () => arrive(placeOf(location)));
keepInStep(store, threads, channel, inform);
keepPresence(store, api);
load();

const page = document.getElementById("page");
if (page !== null) {
  render(
    <StoreContext.Provider value={store}>
      <DeedsContext.Provider value={deeds}>{figures ? <UsageDoor /> : <App />}</DeedsContext.Provider>
    </StoreContext.Provider>,
    page,
  );
}
