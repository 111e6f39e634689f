// What this browser remembers. Storage may be blocked or full: then the page works and forgets.

export interface Memory {
  read(key: string): string | null;
  write(key: string, value: string | null): void;
  /** The keys that begin so. */
  keys(prefix: string): readonly string[];
}

export function memoryOf(storage: () => Storage): Memory {
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
        // Nothing to do: the value lives on in the page until it closes.
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

export const lasting = memoryOf(() => localStorage);
export const passing = memoryOf(() => sessionStorage);
