import type { UsageKind } from "../transport/protocol.ts";

export const KIND_LABELS: Readonly<Record<UsageKind, string>> = {
  cache_read: "cache read",
  cache_write_5m: "cache write, 5 minutes",
  cache_write_1h: "cache write, 1 hour",
  input: "uncached input",
  output: "output",
};

/** All tokens of the prompt: read from the cache, written to it, or neither. */
export function promptTokens(tokens: Readonly<Record<UsageKind, number>>): number {
  return tokens.input + tokens.cache_read + tokens.cache_write_5m + tokens.cache_write_1h;
}
