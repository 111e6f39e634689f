export interface Lazy<T> {
  /** The value, or null while it loads; the first call starts loading. */
  get(): T | null;
  /** Calls back once the value has loaded, but not if it had loaded before. */
  onReady(listener: () => void): void;
}

/** Loads a large chunk at its first use, because most pages do not need it. */
export function lazy<T>(load: () => Promise<T>): Lazy<T> {
  let value: T | null = null;
  let isRequested = false;
  const listeners = new Set<() => void>();

  function onLoaded(loaded: T): void {
    value = loaded;
    for (const listener of listeners) listener();
    listeners.clear();
  }

  return {
    get() {
      if (!isRequested) {
        isRequested = true;
        // Without the chunk the text is complete, but plain. The next use tries again.
        load().then(onLoaded, () => {
          isRequested = false;
        });
      }
      return value;
    },
    onReady(listener) {
      if (value === null) listeners.add(listener);
    },
  };
}
