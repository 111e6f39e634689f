// @vitest-environment node
// The table of events has every event and every note that the server documents.

import { expect, test } from "vitest";
import readme from "../../chat/api/README.md?raw";
import { EVENTS } from "./turn-event-table.ts";

function names(title: string): readonly string[] {
  const section = readme.split(`## ${title}`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name = ""]) => name);
}

test("every event", () => {
  const types = names("Events").filter((name) => name.includes(".") || name === "note");
  expect(types).toHaveLength(8);
  const known = Object.values(EVENTS).map(({ type }) => type);
  for (const type of types) expect(known).toContain(type);
});

test("every note", () => {
  expect(names("Notes").length).toBeGreaterThan(8);
  for (const name of names("Notes")) expect(Object.keys(EVENTS)).toContain(`note ${name}`);
});
