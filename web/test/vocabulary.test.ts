// Code and page use the standard terms. These words had other meanings here once and do not come back.

import { expect, test } from "vitest";

const sources: Readonly<Record<string, string>> = import.meta.glob(
  ["../src/**/*.{ts,tsx,css}", "../dev/*.mjs", "../scripts/*.mjs", "../README.md"],
  { query: "?raw", import: "default", eager: true },
);

const REPLACED = [
  ["compaction, compact", /\bfold(s|ed|ing)?\b/i],
  ["summary, segment", /\bladders?\b/i],
  ["cache state", /\blanes?\b/i],
  ["fallback candidate", /\brungs?\b/i],
  ["background task, periodic task", /\b(errand|duty|duties)\b/i],
  ["estimated, actual", /\b(foreseen|predicted|billed)\b/i],
  ["cache miss", /\bshortfalls?\b/i],
  ["context report", /\btold\b/i],
  ["actions", /\bdeeds\b/i],
  ["American spelling", /colour|summaris|sanitis|grey\b|maths\b/i],
] as const;

test.each(REPLACED)("%s is the term", (_, old) => {
  const lines = Object.entries(sources).flatMap(([path, text]) =>
    text
      .split("\n")
      .flatMap((line, index) => (old.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(lines).toEqual([]);
});
