const FENCE = "```";

export const TIDES = `Tides are the ocean's answer to **gravity**, mostly the Moon's.

The Moon pulls on the side of the Earth that faces it a little more than on the far side. The water on both sides bulges, and as the Earth turns beneath those bulges, each coast meets *two high tides* a day.

| Tide | When | Range |
| :--- | :--- | ---: |
| Spring | New and full moon | 4.1 m |
| Neap | First and last quarter | 1.6 m |

1. The Moon sets the rhythm.
2. The Sun strengthens or weakens it.
3. The shape of the coast decides the height:
   - a funnel such as the Bay of Fundy raises it,
   - an enclosed sea hardly notices.

A rough estimate of the next high water:

${FENCE}python
from datetime import datetime, timedelta

LUNAR_HALF_DAY = timedelta(hours=12, minutes=25)

def next_high_tide(last: datetime, count: int = 1) -> datetime:
    """The tide comes about fifty minutes later each day."""
    return last + count * LUNAR_HALF_DAY

print(next_high_tide(datetime(2026, 11, 20, 6, 10)))
${FENCE}

The pull that matters falls with the cube of the distance, $a \\approx 2 G M r / d^3$, so over a day

$$
h(t) = h_0 + \\sum_{i=1}^{n} A_i \\cos\\left(\\frac{2\\pi t}{T_i} + \\varphi_i\\right)
$$

> Local tables are better than any formula: harbours have moods.

The [NOAA tide pages](https://tidesandcurrents.noaa.gov/) explain more, and \`next_high_tide\` is free to use.`;

const TITLES = [
  [0, "How tides work"],
  [0, "Refund for order 4471"],
  [0.1, "Reading list on the Hanseatic League"],
  [1, "Vite and content security policies"],
  [1.2, "Packing for Lofoten in March"],
  [3, "Why the sourdough stays flat"],
  [4, "Naming a small bookshop"],
  [5, "Postgres advisory locks, explained with examples"],
  [6, "A letter to the landlord"],
  [12, "Choosing a bicycle"],
  [20, "Étude für Anfänger"],
  [41, "שלום וברכה"],
  [75, "Budget for the garden"],
  [420, "Old plans for a cabin"],
];

export function sampleThreads(data) {
  const day = (days) => new Date(Date.now() - days * 86_400_000 - 3_600_000).toISOString();
  for (const [index, [days, title]] of TITLES.entries()) {
    const thread = data.thread(`sample-${index}`, title, day(days));
    thread.unread = index === 2;
    let parent = data.say(thread, null, "user", `I would like to talk about this: ${title}.`).id;
    parent = answer(data, thread, parent, "Gladly. What would you like to know first?").id;
    if (index === 0) tides(data, thread, parent);
    if (index === 1) troubles(data, thread, parent);
  }
  longThread(data, day(2));
}

function answer(data, thread, parent, text, facts = {}) {
  return data.say(thread, parent, "assistant", text, {
    model: "claude-sonnet-4-5-20250929",
    turn_id: null,
    finish_reason: "stop",
    cost_usd: "0.003412",
    usage: { input_tokens: 1930, output_tokens: 214, total_tokens: 2144, cached_input_tokens: 1500 },
    ...facts,
  });
}

function tides(data, thread, parent) {
  const question = data.say(
    thread,
    parent,
    "user",
    "Explain how tides work, as if to a curious ten-year-old.\nA table would be nice.",
  );
  answer(data, thread, question.id, "The Moon pulls the sea. That is nearly all there is to it.");
  answer(data, thread, question.id, [
    { type: "reasoning", text: "Name the cause first, then the exceptions.", seconds: 7 },
    {
      type: "tool",
      name: "search_conversation",
      input: { query: "tide table" },
      result: { found: 3 },
    },
    { type: "text", text: TIDES },
  ]);
}

function troubles(data, thread, parent) {
  const first = data.say(thread, parent, "user", "Where is my refund?");
  const cut = answer(data, thread, first.id, "I looked at order 4471. The refund was approved on", {
    status: "interrupted",
    error: { code: "interrupted", message: "interrupted", retryable: true },
  });
  const second = data.say(thread, cut.id, "user", "Please go on.");
  const stopped = answer(data, thread, second.id, "It was approved on 12 November and should", {
    status: "cancelled",
  });
  const third = data.say(thread, stopped.id, "user", "And the shipping cost?");
  answer(data, thread, third.id, [], {
    status: "failed",
    cost_usd: null,
    usage: null,
    error: {
      code: "upstream_error",
      message: "The model could not be reached after three attempts.",
      retryable: true,
    },
  });
}

function longThread(data, at) {
  const thread = data.thread("long", "Five thousand messages", at);
  let parent = null;
  for (let index = 0; index < 2500; index++) {
    const question = data.say(thread, parent, "user", `Question ${index + 1}: what follows from that?`);
    const body =
      index % 9 === 0
        ? TIDES
        : `Answer ${index + 1}. ${"One thing follows from the other, and the rest is patience. ".repeat(1 + (index % 7))}`;
    parent = answer(data, thread, question.id, body).id;
  }
}
