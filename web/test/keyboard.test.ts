import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { refuseDrops } from "../src/app/drops.ts";

const sources: Readonly<Record<string, string>> = import.meta.glob("../src/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});

beforeEach(() => vi.stubGlobal("matchMedia", () => ({ matches: false })));
afterEach(() => vi.unstubAllGlobals());

const press = (key: string, options: KeyboardEventInit = {}) =>
  new KeyboardEvent("keydown", { key, ...options });

describe("keys", () => {
  test.each([
    ["Chrome and Firefox", { isComposing: true }],
    ["Safari", { keyCode: 229 }],
  ])("belong to the input method while it composes (%s)", async (_, composing) => {
    const { commandKey, isSendKey, isShortcut } = await import("../src/views/elements/keyboard.ts");
    for (const key of ["Enter", "Escape", "ArrowDown"]) {
      expect(commandKey(press(key))).toBe(key);
      expect(commandKey(press(key, composing))).toBeNull();
    }
    expect(isSendKey(press("Enter", composing))).toBe(false);
    expect(isSendKey(press("Enter", { ctrlKey: true, ...composing }))).toBe(false);
    expect(isShortcut(press("k", { ctrlKey: true, ...composing }), "k")).toBe(false);
  });

  test("send with Enter, not with Shift+Enter", async () => {
    const { isSendKey } = await import("../src/views/elements/keyboard.ts");
    expect(isSendKey(press("Enter"))).toBe(true);
    expect(isSendKey(press("Enter", { shiftKey: true }))).toBe(false);
  });

  test("are read in one place only", () => {
    const readers = Object.entries(sources)
      .filter(([path]) => !path.endsWith("views/elements/keyboard.ts"))
      .filter(([, text]) => /\b(keyCode|isComposing)\b|event\.(key|code)\b/.test(withoutPosts(text)))
      .map(([path]) => path);
    expect(readers).toEqual([]);
  });

  test("have their listeners before the first paint", () => {
    // An effect that is no layout effect runs after it, and a key in between would be lost.
    for (const [path, text] of Object.entries(sources)) {
      const late = text.matchAll(/useEffect\(\(\) => \{?[\s\S]*?\n {2}\}, \[/g);
      for (const [effect] of late) expect(effect, path).not.toMatch(/"keydown"|\.focus\(\)\)/);
    }
  });
});

/** The key of a post is no key of a keyboard. */
function withoutPosts(text: string): string {
  return text.replace(/\bpost\.key (===|!==) event\.key\b/g, "");
}

describe("a drop", () => {
  function drop(target: EventTarget, types: string[]): boolean {
    const event = new Event("drop", { bubbles: true, cancelable: true });
    Object.assign(event, { dataTransfer: { types, dropEffect: "copy" } });
    target.dispatchEvent(event);
    return event.defaultPrevented;
  }

  test("never opens what was dropped, and text still goes into a field", () => {
    refuseDrops(window);
    const field = document.createElement("textarea");
    document.body.append(field);
    expect(drop(document.body, ["Files"])).toBe(true);
    expect(drop(document.body, ["text/uri-list"])).toBe(true);
    expect(drop(field, ["Files"])).toBe(true);
    expect(drop(field, ["text/plain"])).toBe(false);
  });
});
