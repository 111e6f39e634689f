// Key-value storage of the browser. It may be blocked or full: then the page keeps the values until it closes.

export interface BrowserStorage {
  read(key: string): string | null;
  write(key: string, value: string | null): void;
  /** All keys with this prefix. */
  keys(prefix: string): readonly string[];
}

/**
 * `onRefused` is called once, when the browser refuses to keep a value. `base`: the path the page is under; pages under other paths
 * of its origin have the same storage, and keys of their own.
 */
export function browserStorage(
  storage: () => Storage,
  onRefused: () => void = () => undefined,
  base = "",
): BrowserStorage {
  const prefixOfAll = base === "" ? "palaver." : `palaver${base}:`;
  /** What the browser refused to keep, or to delete. */
  const unsaved = new Map<string, string | null>();
  let isReported = false;

  function refused(key: string, value: string | null): void {
    unsaved.set(key, value);
    if (isReported || value === null) return;
    isReported = true;
    onRefused();
  }

  return {
    read(key) {
      const value = unsaved.get(key);
      if (value !== undefined) return value;
      try {
        return storage().getItem(prefixOfAll + key);
      } catch {
        return null;
      }
    },
    write(key, value) {
      const stored = value === "" ? null : value;
      try {
        if (stored === null) storage().removeItem(prefixOfAll + key);
        else storage().setItem(prefixOfAll + key, stored);
        unsaved.delete(key);
      } catch {
        refused(key, stored);
      }
    },
    keys(prefix) {
      const keys = new Set<string>();
      try {
        for (const key of Object.keys(storage()))
          if (key.startsWith(prefixOfAll + prefix)) keys.add(key.slice(prefixOfAll.length));
      } catch {
        // Only what the page itself has kept.
      }
      for (const [key, value] of unsaved) {
        if (value === null) keys.delete(key);
        else if (key.startsWith(prefix)) keys.add(key);
      }
      return [...keys];
    },
  };
}
