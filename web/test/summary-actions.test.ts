import { describe, expect, test } from "vitest";
import { createSummaries } from "../src/actions/summaries.ts";
import type { Dependencies } from "../src/actions/dependencies.ts";
import type { Api } from "../src/transport/api.ts";
import { ApiError } from "../src/transport/http.ts";
import type { Summary } from "../src/transport/protocol.ts";
import { emptySummary } from "../src/state/state.ts";
import { draftOf, withChange } from "../src/state/summary.ts";
import { createStore } from "../src/app/store.ts";
import { history, talk } from "./builders.ts";

function summary(id: string | null, ...texts: string[]): Summary {
  const lines = texts.map((text) => ({ text, sources: ["u1"], pinned: false, segment: "s" }));
  return {
    id,
    upto_message_id: id && "a1",
    tokens: 9,
    lines,
    segments: [],
    facts: [],
    past_facts: [],
    versions: [],
  };
}

/** A page whose server answers as `api` says. */
function page(api: Partial<Api>) {
  const store = createStore();
  store.dispatch(history(talk(30)));
  const dependencies = { api, store, sleep: async () => undefined } as unknown as Dependencies;
  const view = () => store.state.conversations["t"]?.summary ?? emptySummary;
  const write = (text: string) => {
    const { value } = view();
    if (value === null) throw new Error("There is no summary to edit.");
    const draft = withChange(draftOf(value), `${value.id}/0`, { text });
    store.dispatch({ type: "summary.drafted", threadId: "t", draft });
  };
  return { store, summaries: createSummaries(dependencies), view, write };
}

const gone = () => Promise.reject(new ApiError(404, "not_found", "It has changed.", false));

describe("saving a summary", () => {
  test("sends the lines as a correction of their version", async () => {
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
    expect(sent).toEqual([
      ["t", "1", [{ text: "uno", sources: ["u1"], pinned: false, segment: "s" }], undefined],
    ]);
    expect(view()).toMatchObject({ value: { id: "2" }, draft: null, work: null });
  });

  test("that is too late applies the text to the newer version", async () => {
    const versions = [summary("1", "one"), summary("2", "one", "two")];
    const { summaries, view, write } = page({
      summary: async () => versions.shift() ?? summary(null),
      correctSummary: gone,
    });
    await summaries.refresh("t");
    write("uno");
    await summaries.save("t");
    expect(view().value?.id).toBe("2");
    expect(view().draft).toMatchObject({ base: "2", rebased: true });
    expect(view().draft?.lines.map(({ text }) => text)).toEqual(["uno", "two"]);
  });

  test("that fails reports it and keeps the text", async () => {
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

describe("compacting now", () => {
  test("opens the panel and shows the result", async () => {
    const { store, summaries, view } = page({
      summary: async () => summary(null),
      compact: async () => summary("1", "one"),
    });
    await summaries.compact("t");
    expect(store.state.panel).toEqual({ type: "summary" });
    expect(view()).toMatchObject({ value: { id: "1" }, outcome: null });
  });

  test("reports when there is nothing to compact", async () => {
    const { summaries, view } = page({
      summary: async () => summary(null),
      compact: async () => summary(null),
    });
    await summaries.compact("t");
    expect(view().outcome).toMatch(/Nothing to compact/);
  });
});

test("a failed refresh keeps the summary on screen", async () => {
  const answers = [summary("1", "one")];
  const { summaries, view } = page({ summary: async () => answers.shift() ?? gone() });
  await summaries.refresh("t");
  await summaries.afterTurn("t");
  expect(view()).toMatchObject({ value: { id: "1" }, work: null, outcome: null });
});
