/** A made-up context report with everything that the page can show, in numbers that add up. */
export function contextOf({ id, answer }, path) {
  const before = path.slice(0, -1);
  const window = before.slice(-24);
  const usage = { input: 640, cache_read: 11_800, cache_write_5m: 910, cache_write_1h: 0, output: 357 };
  const recipe = {
    model: answer.model,
    summary_id: null,
    first_message_id: window[0]?.id,
    last_message_id: window.at(-1)?.id,
    breakpoints: [
      { at: "system", ttl: "1h" },
      { at: "summary", ttl: "5m" },
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
    estimated_usage: { ...usage, cache_read: 12_700, cache_write_5m: 20, output: 410 },
    cost_pico_usd: 9_120_000_000,
    window_ttl: "5m",
    head_ttl: "1h",
    compaction: null,
    left_out: [{ what: "window", messages: 16, tokens: 3200, why: "older than what fits" }],
    shortened: window
      .filter(({ role }) => role === "assistant")
      .slice(0, 2)
      .map((message) => ({ message_id: message.id, tokens: 312, saved: 940 })),
    reasons: {
      shortened:
        "2 long replies are sent as the beginning only, 1,880 tokens less: whole they are not worth their price",
      route: "an ordinary request; the cache of this model is warm",
      window: "all messages after the summary",
      summary: `replaces all messages up to ${window[0]?.parent_id ?? "the beginning"}`,
      cache: "the cached prefix is unchanged; reading it renews its TTL",
      system: "kept for an hour: many conversations share it",
      breakpoints: "4 breakpoints: unchanged text is read from the cache, and new text is added to it",
      compaction: "nothing to compact",
    },
    window_messages: window.length,
    summary_segments: 2,
    route: { model: answer.model, tier: "standard" },
  };
  const reply = {
    purpose: "reply",
    model: answer.model ?? "claude-sonnet",
    outcome: "ok",
    actual_usage: { ...usage, reasoning: 42 },
    estimated_usage: plan.estimated_usage,
    cache_miss: "expired: its TTL ended before the request started",
    cost_usd: answer.cost_usd,
  };
  const title = { ...reply, purpose: "title", model: "claude-haiku", cache_miss: null, cost_usd: "0.000112" };
  return { turn_id: id, plan, calls: [reply, title] };
}
