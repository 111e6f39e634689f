import { describe, expect, test } from "vitest";
import { createSummaries } from "../src/actions/summaries.ts";
import type { World } from "../src/actions/dependencies.ts";
import { type Api, ApiError } from "../src/transport/api.ts";
import type { Summary } from "../src/transport/protocol.ts";
import { noSummary } from "../src/state/state.ts";
import { draftOf, withChange } from "../src/state/summary.ts";
import { createStore } from "../src/app/store.ts";
import { history, talk } from "./builders.ts";

function summary(id: string | null, ...texts: string[]): Summary {
  const lines = texts.map((text) => ({ text, sources: ["u1"], pinned: false, segment: "s" }));
  return { id, upto_message_id: id && "a1", tokens: 9, lines, versions: [] };
}

/** A page over a server that answers with these. */
function page(api: Partial<Api>) {
  const store = createStore();
  store.dispatch(history(talk(30)));
  const world = { api, store, sleep: async () => undefined } as unknown as World;
  const view = () => store.state.conversations["t"]?.summary ?? noSummary;
  const write = (text: string) => {
    const { value } = view();
    if (value === null) throw new Error("There is no summary to write in.");
    const draft = withChange(draftOf(value), `${value.id}/0`, { text });
    store.dispatch({ type: "summary.drafted", threadId: "t", draft });
  };
  return { store, summaries: createSummaries(world), view, write };
}

const gone = () => Promise.reject(new ApiError(404, "not_found", "It has changed.", false));

describe("saving a summary", () => {
  test("sends the lines as a correction of what they were written on", async () => {
    const sent: unknown[] = [];
    const { summaries, view, write } = page({
      summary: async () => summary("1", "one"),
      correctSummary: async (...request) => {
        sent.push(request);
        return summary("2", "uno");
      },
    });
    await summaries.refresh("t");
    write("uno");
    await summaries.save("t");
    expect(sent).toEqual([["t", "1", [{ text: "uno", sources: ["u1"], pinned: false, segment: "s" }]]]);
    expect(view()).toMatchObject({ value: { id: "2" }, draft: null, work: null });
  });

  test("that was too late keeps the text and takes it to the newer one", async () => {
    const versions = [summary("1", "one"), summary("2", "one", "two")];
    const { summaries, view, write } = page({
      summary: async () => versions.shift() ?? summary(null),
      correctSummary: gone,
    });
    await summaries.refresh("t");
    write("uno");
    await summaries.save("t");
    expect(view().value?.id).toBe("2");
    expect(view().draft).toMatchObject({ base: "2", moved: true });
    expect(view().draft?.lines.map(({ text }) => text)).toEqual(["uno", "two"]);
  });

  test("that failed says so and keeps the text", async () => {
    const { summaries, view, write } = page({
      summary: async () => summary("1", "one"),
      correctSummary: () => Promise.reject(new ApiError(409, "thread_busy", "It is busy.", true)),
    });
    await summaries.refresh("t");
    write("uno");
    await summaries.save("t");
    expect(view().outcome).toBe("The summary could not be saved. It is busy.");
    expect(view().draft?.lines[0]?.text).toBe("uno");
  });
});

describe("folding by hand", () => {
  test("opens the panel and shows what came of it", async () => {
    const { store, summaries, view } = page({
      summary: async () => summary(null),
      fold: async () => summary("1", "one"),
    });
    await summaries.fold("t");
    expect(store.state.panel).toEqual({ type: "summary" });
    expect(view()).toMatchObject({ value: { id: "1" }, outcome: null });
  });

  test("says when there was nothing to fold", async () => {
    const { summaries, view } = page({ summary: async () => summary(null), fold: async () => summary(null) });
    await summaries.fold("t");
    expect(view().outcome).toMatch(/Nothing more was summarised/);
  });
});

test("a refresh that fails leaves what is shown as it is", async () => {
  const answers = [summary("1", "one")];
  const { summaries, view } = page({ summary: async () => answers.shift() ?? gone() });
  await summaries.refresh("t");
  await summaries.afterTurn("t");
  expect(view()).toMatchObject({ value: { id: "1" }, work: null, outcome: null });
});
