import { describe, expect, test, vi } from "vitest";
import type { Post } from "../src/state/state.ts";
import { browserStorage } from "../src/storage/browser-storage.ts";
import { restorePosts, savePosts } from "../src/storage/outbox.ts";
import { post } from "./builders.ts";

function fullStorage(): Storage {
  const refuse = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  return { getItem: () => null, setItem: refuse, removeItem: () => undefined } as unknown as Storage;
}

const forbidden = (): Storage => {
  throw new DOMException("forbidden", "SecurityError");
};

describe.each([
  ["full", fullStorage],
  ["forbidden", forbidden],
])("storage that is %s", (_, storage) => {
  test("keeps values until the page closes, and says so once", () => {
    const onRefused = vi.fn();
    const values = browserStorage(storage, onRefused);
    values.write("token", null);
    expect(onRefused).not.toHaveBeenCalled();
    values.write("draft.a", "first");
    values.write("draft.b", "second");
    expect(values.read("draft.a")).toBe("first");
    expect(values.keys("draft.").toSorted()).toEqual(["draft.a", "draft.b"]);
    values.write("draft.a", "");
    expect(values.read("draft.a")).toBeNull();
    expect(values.keys("draft.")).toEqual(["draft.b"]);
    expect(onRefused).toHaveBeenCalledOnce();
  });
});

test("storage that has room again keeps values itself", () => {
  let isFull = true;
  const stored = new Map<string, string>();
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem(key: string, value: string) {
      if (isFull) throw new DOMException("full", "QuotaExceededError");
      stored.set(key, value);
    },
    removeItem: (key: string) => stored.delete(key),
  } as unknown as Storage;
  const values = browserStorage(() => storage);
  values.write("theme", "dark");
  expect(stored.size).toBe(0);
  isFull = false;
  values.write("theme", "light");
  expect([...stored.values()]).toEqual(["light"]);
  expect(values.read("theme")).toBe("light");
});

describe("a reload", () => {
  const waiting: Post[] = [
    post("a", { status: "sending" }),
    post("b", { status: "queued" }),
    post("c", { status: "offline", problem: "x" }),
    post("d", { status: "held" }),
    post("e", { status: "failed", problem: "too long" }),
  ];
  const reload = (tab: string, after: number) => {
    sessionStorage.clear();
    const storage = browserStorage(() => sessionStorage);
    savePosts(storage, "tab", waiting, 0);
    return restorePosts(storage, tab, after).map(({ status }) => status);
  };

  test("goes on with what was queued", () => {
    expect(reload("tab", 1_000)).toEqual(["queued", "queued", "queued", "held", "failed"]);
  });

  test("asks before it sends what is old or of a closed tab", () => {
    const asked = ["held", "held", "held", "held", "failed"];
    expect(reload("tab", 86_400_000)).toEqual(asked);
    expect(reload("another", 86_400_000)).toEqual(asked);
    expect(reload("another", 1_000)).toEqual([]);
  });
});
