// The page under a path: its URLs, its requests, and what it keeps in the browser.

import { expect, test } from "vitest";
import { basePath, createUrls } from "../src/app/url.ts";
import { browserStorage } from "../src/storage/browser-storage.ts";
import { createHttp } from "../src/transport/http.ts";

test.each([
  ["https://a.example/assets/index-1.js", ""],
  ["https://a.example/chat/assets/index-1.js", "/chat"],
  ["https://a.example/a/b/assets/index-1.js", "/a/b"],
])("a script at %s is of a page under %j", (script, base) => {
  expect(basePath(script)).toBe(base);
});

test.each(["", "/chat", "/t", "/usage"])("under %j every URL is read as it was written", (base) => {
  const urls = createUrls(base);
  expect(urls.home).toBe(`${base}/`);
  for (const place of [
    { threadId: null, messageId: null },
    { threadId: "a:1", messageId: null },
    { threadId: "usage", messageId: "m/2" },
  ]) {
    const { pathname, hash } = new URL(urls.to(place), "https://a.example");
    expect(urls.parse({ pathname, hash })).toEqual(place);
    expect(urls.isUsage({ pathname })).toBe(false);
  }
  expect(urls.isUsage({ pathname: urls.usage })).toBe(true);
});

test("requests go to the API under the path", async () => {
  const asked: unknown[] = [];
  const http = createHttp({
    fetch: async (url) => {
      asked.push(url);
      return new Response("{}");
    },
    base: "/chat",
    token: () => null,
    onUnauthorized: () => undefined,
  });
  await http.json("GET", "/api/info");
  expect(asked).toEqual(["/chat/api/info"]);
});

test("two pages of one origin keep their values apart", () => {
  sessionStorage.clear();
  const [root, chat, other] = ["", "/chat", "/chat/two"].map((base) =>
    browserStorage(() => sessionStorage, undefined, base),
  );
  root?.write("draft.a", "of the root");
  chat?.write("draft.a", "of chat");
  expect(other?.read("draft.a")).toBeNull();
  expect([root?.read("draft.a"), chat?.read("draft.a")]).toEqual(["of the root", "of chat"]);
  expect([root?.keys(""), other?.keys("")]).toEqual([["draft.a"], []]);
  expect(sessionStorage.getItem("palaver.draft.a")).toBe("of the root");
});
