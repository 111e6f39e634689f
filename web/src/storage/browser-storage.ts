// Key-value storage of the browser. It may be blocked or full: then the page works without memory.

export interface BrowserStorage {
  read(key: string): string | null;
  write(key: string, value: string | null): void;
  /** All keys with this prefix. */
  keys(prefix: string): readonly string[];
}

export function browserStorage(storage: () => Storage): BrowserStorage {
  return {
    read(key) {
      try {
        return storage().getItem(`palaver.${key}`);
      } catch {
        return null;
      }
    },
    write(key, value) {
      try {
        if (value === null || value === "") storage().removeItem(`palaver.${key}`);
        else storage().setItem(`palaver.${key}`, value);
      } catch {
        // Nothing to do: the page keeps the value until it closes.
      }
    },
    keys(prefix) {
      try {
        const all = Object.keys(storage());
        return all
          .filter((key) => key.startsWith(`palaver.${prefix}`))
          .map((key) => key.slice("palaver.".length));
      } catch {
        return [];
      }
    },
  };
}

export const persistentStorage = browserStorage(() => localStorage);
export const tabStorage = browserStorage(() => sessionStorage);
