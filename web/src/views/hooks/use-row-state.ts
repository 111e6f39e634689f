import { useState } from "preact/hooks";
import { useActions } from "./actions-context.ts";

/**
 * State of a row that survives when the row is not rendered: a long list renders only the rows near the viewport, and a list may
 * move a row to another group. `key` names the value in the whole page.
 */
export function useRowState<T>(key: string, initial: T): [T, (value: T) => void] {
  const { rowStates } = useActions();
  const [value, setValue] = useState<T>(() => (rowStates.has(key) ? (rowStates.get(key) as T) : initial));
  const write = (next: T) => {
    if (Object.is(next, initial)) rowStates.delete(key);
    else rowStates.set(key, next);
    setValue(next);
  };
  return [value, write];
}
