// Pauses before a next attempt, which end early when the connection may be back.

export interface Reconnect {
  /** Resolves after this many milliseconds, or at the next `now`. */
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Ends all pauses: the reader or the browser says that it is worth trying. */
  readonly now: () => void;
}

export function createReconnect(sleep: (milliseconds: number) => Promise<void>): Reconnect {
  const waiting = new Set<() => void>();
  return {
    pause: (milliseconds) =>
      new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
        void sleep(milliseconds).then(wake);
      }),
    now() {
      for (const wake of [...waiting]) wake();
    },
  };
}
