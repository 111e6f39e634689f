/** What a made-up model was told: everything the page can show, with figures that fit together. */
export function contextOf({ id, answer }, path) {
  const before = path.slice(0, -1);
  const window = before.slice(-24);
  const kinds = { input: 640, cache_read: 11_800, cache_write_5m: 910, cache_write_1h: 0, output: 357 };
  const recipe = {
    model: answer.model,
    summary_id: null,
    first_message_id: window[0]?.id,
    last_message_id: window.at(-1)?.id,
    breakpoints: [
      { at: "system", ttl: "1h" },
      { at: "ladder", ttl: "5m" },
      ...window.slice(-3, -2).map((message) => ({ at: message.id, ttl: "5m" })),
      { at: window.at(-1)?.id, ttl: "5m" },
    ],
    recalled: before.slice(0, 1).map((message) => ({ id: message.id, digest: "6d1f0c1e", ranges: [] })),
  };
  const plan = {
    recipe,
    digest: "6d1f0c1e9f3a",
    estimate: {
      tools: 310,
      system: 1210,
      summary: 980,
      window: 10_030,
      recall: 640,
      new: 170,
      total: 13_340,
    },
    predicted: { ...kinds, cache_read: 12_700, cache_write_5m: 20, output: 410 },
    cost_pico_usd: 9_120_000_000,
    life: "5m",
    fold: null,
    left_out: [{ what: "window", messages: 16, tokens: 3200, why: "older than what fits" }],
    reasons: {
      route: "an ordinary request; the cache of this model is warm",
      window: "all that came after the summary",
      summary: `stands for everything up to ${window[0]?.parent_id ?? "the beginning"}`,
      cache: "the cached prefix holds and is renewed by reading it",
      system: "kept for an hour: many conversations share it",
      breakpoints: "4 marks: what stays the same is read from the cache, and the new text becomes part of it",
      fold: "nothing to fold",
    },
    window_messages: window.length,
    summary_segments: 2,
    route: { model: answer.model, tier: "standard" },
  };
  const reply = {
    purpose: "reply",
    model: answer.model ?? "claude-sonnet",
    outcome: "ok",
    billed: { ...kinds, reasoning: 42 },
    predicted: plan.predicted,
    shortfall: "expired: the entry had outlived its time when the request started",
    cost_usd: answer.cost_usd,
  };
  const title = { ...reply, purpose: "title", model: "claude-haiku", shortfall: null, cost_usd: "0.000112" };
  return { turn_id: id, plan, calls: [reply, title] };
}
