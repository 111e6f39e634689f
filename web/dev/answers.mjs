import { TIDES } from "./samples.mjs";

/** The events of one answer, with delays in milliseconds. */
export function* answerTo(text, { model }) {
  const tier = model === null ? "standard" : "complex";
  const reason =
    model === null ? "An ordinary request; the cache of this model is warm." : "You chose this model.";
  yield {
    wait: 250,
    event: { type: "note", name: "route", data: { model: model ?? "claude-sonnet", tier, reason } },
  };
  if (text.includes("fail"))
    yield {
      wait: 700,
      event: {
        type: "note",
        name: "retry",
        data: { attempt: 2, delay: 1.2, reason: "overloaded" },
      },
    };
  yield { wait: 300, event: { type: "part.started", part_id: "r1", kind: "reasoning" } };
  for (const word of pieces(
    "The question is simple enough. I will name the cause first, then show it with a small table and a sketch in code.",
  ))
    yield { event: { type: "part.delta", part_id: "r1", text: word } };
  yield { event: { type: "part.ended", part_id: "r1", seconds: 2 } };
  yield {
    wait: 200,
    event: {
      type: "part.started",
      part_id: "s1",
      kind: "tool",
      name: "search_conversation",
      input: { query: "tide" },
    },
  };
  yield { wait: 900, event: { type: "part.ended", part_id: "s1", result: { found: 2 } } };
  yield { wait: 200, event: { type: "part.started", part_id: "t1", kind: "text" } };
  const whole = text.includes("long")
    ? Array.from({ length: 40 }, (_, index) => `## Part ${index + 1}\n\n${TIDES}`).join("\n\n")
    : TIDES;
  const answer = text.includes("fail") ? whole.slice(0, 240) : whole;
  for (const piece of pieces(answer)) yield { event: { type: "part.delta", part_id: "t1", text: piece } };
  yield { event: { type: "part.ended", part_id: "t1" } };
}

/** Short pieces, as models stream them. */
function pieces(text) {
  return text.match(/[\s\S]{1,7}/g) ?? [];
}
