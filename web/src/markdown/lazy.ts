export interface Lazy<T> {
  /** The value, or null while it is on its way; the first call asks for it. */
  get(): T | null;
  /** Calls back once the value is there. Never, if it was there before. */
  onReady(listener: () => void): void;
}

/** Something large that most pages do not need: its chunk is fetched at first use. */
export function lazy<T>(load: () => Promise<T>): Lazy<T> {
  let value: T | null = null;
  let asked = false;
  const listeners = new Set<() => void>();

  function arrived(loaded: T): void {
    value = loaded;
    for (const listener of listeners) listener();
    listeners.clear();
  }

  return {
    get() {
      if (!asked) {
        asked = true;
        // Without it the text is still all there, only plainer; the next use tries again.
        load().then(arrived, () => {
          asked = false;
        });
      }
      return value;
    },
    onReady(listener) {
      if (value === null) listeners.add(listener);
    },
  };
}
