import { describe, expect, test, vi } from "vitest";
import { browserStorage } from "../src/storage/browser-storage.ts";

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
