// Makes the real things and wires them together. No other file does.

import { render } from "preact";
import type { Dependencies } from "./actions/dependencies.ts";
import { reportPresence } from "./actions/presence.ts";
import { createInstructions } from "./actions/instructions.ts";
import { createSummaries } from "./actions/summaries.ts";
import { createReconnect } from "./actions/reconnect.ts";
import { syncTabs } from "./actions/tab-sync.ts";
import { createThreads } from "./actions/threads.ts";
import { createTurns } from "./actions/turns.ts";
import { refuseDrops } from "./app/drops.ts";
import { newId } from "./app/ids.ts";
import { createStore, StoreContext } from "./app/store.ts";
import { createTheme } from "./app/theme.ts";
import { basePath, createUrls } from "./app/url.ts";
import { createHighlight } from "./markdown/highlight.ts";
import { lazy } from "./markdown/lazy.ts";
import { createPainter } from "./markdown/paint.ts";
import { createParser } from "./markdown/parser.ts";
import { createSanitizer } from "./markdown/sanitize.ts";
import { type PageLocation, type Post, waitsForReader } from "./state/state.ts";
import { browserStorage } from "./storage/browser-storage.ts";
import { NEW_THREAD_TIER } from "./storage/drafts.ts";
import { restorePosts, savePosts } from "./storage/outbox.ts";
import { readSummaryDrafts, summaryDraftSaver } from "./storage/summary-drafts.ts";
import "./styles/all.css";
import { createApi } from "./transport/api.ts";
import { UsageRoute } from "./usage/UsageRoute.tsx";
import { App } from "./views/App.tsx";
import { type Actions, ActionsContext } from "./views/hooks/actions-context.ts";

const base = basePath(import.meta.url);
const urls = createUrls(base);
const store = createStore();
const persistentStorage = browserStorage(
  () => localStorage,
  () =>
    store.dispatch({
      type: "alert.raised",
      text: "This browser keeps nothing for this page. Texts that are not sent are lost when it closes.",
      id: newId(),
    }),
  base,
);
const tabStorage = browserStorage(() => sessionStorage, undefined, base);
const isUsagePage = urls.isUsage(location);
const token = () => tabStorage.read("token") ?? persistentStorage.read("token");
const channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(`palaver${base}`) : null;

const api = createApi({
  fetch: (...request) => fetch(...request),
  base,
  token,
  onUnauthorized: () =>
    store.dispatch({ type: "access.changed", access: token() === null ? "needed" : "refused" }),
});

function navigate(target: PageLocation, how: "push" | "replace" = "push"): void {
  history[how === "push" ? "pushState" : "replaceState"](null, "", urls.to(target));
  show(target);
}

const sleep = (milliseconds: number) => new Promise<void>((wake) => setTimeout(wake, milliseconds));
const dependencies: Dependencies = {
  api,
  store,
  storage: persistentStorage,
  newId,
  now: () => new Date(),
  sleep,
  reconnect: createReconnect(sleep),
  // A task later, so that what was loaded is rendered.
  print: () => void setTimeout(() => window.print(), 50),
  navigate,
  notifyTabs: (threadId) => channel?.postMessage(threadId),
};
const summaries = createSummaries(dependencies);
const turns = createTurns(dependencies, (threadId) => threads.open(threadId), summaries.afterTurn);
const instructions = createInstructions(dependencies);
const threads = createThreads(dependencies, {
  attach: turns.attach,
  refreshSummary: summaries.refresh,
  refreshInstructions: instructions.refresh,
});

function show(target: PageLocation): void {
  store.dispatch({ type: "location.changed", location: target });
  if (target.threadId !== null) void threads.open(target.threadId);
}

/** Without it the page works, but does not know the models. It is loaded again when the server is back. */
function loadInfo(): void {
  api.info().then(
    (info) => store.dispatch({ type: "info.loaded", info }),
    () => undefined,
  );
}

function load(): void {
  store.dispatch({ type: "access.changed", access: "open" });
  loadInfo();
  if (isUsagePage) return;
  void threads.list();
  show(urls.parse(location));
  turns.sendQueued();
}

const highlighter = lazy(() => import("./markdown/languages.ts"));
const typesetter = lazy(() => import("./markdown/typeset.ts"));
const parser = createParser({ extensions: true, highlight: createHighlight(highlighter) });
const sanitize = createSanitizer(window);
let painters = 0;

const actions: Actions = {
  api,
  store,
  turns,
  threads,
  summaries,
  instructions,
  storage: persistentStorage,
  tabStorage,
  urls,
  rowStates: new Map(),
  newId,
  theme: createTheme(persistentStorage, document.documentElement),
  navigate,
  startThread(text) {
    const threadId = newId();
    const target: PageLocation = { threadId, messageId: null };
    history.pushState(null, "", urls.to(target));
    store.dispatch({ type: "location.changed", location: target });
    turns.send(threadId, text, tabStorage.read(NEW_THREAD_TIER));
    tabStorage.write(NEW_THREAD_TIER, null);
  },
  useToken(accessToken, remember) {
    tabStorage.write("token", remember ? null : accessToken);
    persistentStorage.write("token", remember ? accessToken : null);
    load();
  },
  painter: (target) =>
    createPainter(
      target,
      parser,
      sanitize,
      (tex, display) => typesetter.get()?.typeset(tex, display) ?? null,
      `text-${++painters}-`,
    ),
  onRendererReady(listener) {
    highlighter.onReady(listener);
    typesetter.onReady(listener);
  },
};

const tab = tabStorage.read("tab") ?? newId();
tabStorage.write("tab", tab);
for (const post of restorePosts(persistentStorage, tab, Date.now()))
  store.dispatch({ type: "post.added", post });
for (const [threadId, draft] of readSummaryDrafts(persistentStorage))
  store.dispatch({ type: "summary.drafted", threadId, draft });
const saveSummaryDrafts = summaryDraftSaver(persistentStorage);
let savedOutbox: readonly Post[] = [];
store.subscribe(() => {
  saveSummaryDrafts(store.state.conversations);
  if (store.state.outbox === savedOutbox) return;
  savedOutbox = store.state.outbox;
  savePosts(persistentStorage, tab, savedOutbox, Date.now());
});

refuseDrops(window);
window.addEventListener("popstate", () => show(urls.parse(location)));
syncTabs(store, threads, channel, { loadInfo, reconnect: dependencies.reconnect.now });
reportPresence(store, api);
load();
const unsent = store.state.outbox.find(
  (post) => waitsForReader(post) && post.threadId !== store.state.location.threadId,
);
if (unsent !== undefined && !isUsagePage) {
  const text = "A message was not sent before the page closed.";
  store.dispatch({ type: "alert.raised", text, id: newId(), about: unsent.threadId });
}

const page = document.getElementById("page");
if (page !== null) {
  render(
    <StoreContext.Provider value={store}>
      <ActionsContext.Provider value={actions}>
        {isUsagePage ? <UsageRoute /> : <App />}
      </ActionsContext.Provider>
    </StoreContext.Provider>,
    page,
  );
}
