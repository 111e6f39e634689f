/** Made-up usage data: every plot has something to show, and the numbers add up. */

const MODELS = [
  { id: "claude-haiku", price: 0.4, share: 0.5 },
  { id: "claude-sonnet", price: 1.3, share: 0.35 },
  { id: "claude-opus", price: 3.1, share: 0.15 },
];
const TOP = 3.1;
const OUTCOMES = { ok: 0.94, cancelled: 0.03, overloaded: 0.02, timeout: 0.01 };

/** The response of `GET /api/usage` for the groupings that the page requests. */
export function usageReport(query) {
  const by = (query.get("group_by") ?? "").split(",");
  const days = daysBetween(query.get("from"), query.get("to"));
  const rows = days.flatMap((day, at) => MODELS.map((model) => row(day, at, model)));
  const groups = new Map();
  for (const each of by[0] === "outcome" ? rows.flatMap(byOutcome) : rows) {
    const group = Object.fromEntries(by.map((name) => [name, each.group[name] ?? null]));
    const key = JSON.stringify(group);
    groups.set(key, added(groups.get(key), { ...each, group }));
  }
  const total = rows.reduce((sum, each) => added(sum, { ...each, group: {} }), undefined);
  return {
    groups: [...groups.values()].map(shown),
    more: false,
    total: shown(total ?? { ...row("", 0, MODELS[0]), group: {}, calls: 0 }),
    top_model: "claude-opus",
  };
}

export const budgets = [
  {
    scope: "deployment",
    name: null,
    unit: "usd",
    period: "month",
    limit: "200",
    used: "131.4",
    reserved: "2",
  },
  { scope: "user", name: null, unit: "usd", period: "day", limit: "2.50", used: "2.31", reserved: "0" },
  { scope: "tier", name: "complex", unit: "requests", period: "day", limit: "50", used: "12", reserved: "0" },
].map((budget) => ({ ...budget, resets_at: new Date(Date.now() + 3_600_000).toISOString() }));

/** A short ledger as CSV. */
export function usageCalls() {
  const lines = ["created_at,model,purpose,outcome,cost_usd"];
  for (const { id } of MODELS) lines.push(`${new Date().toISOString()},${id},reply,ok,0.0042`);
  return `${lines.join("\r\n")}\r\n`;
}

function row(day, at, { id, price, share }) {
  const calls = Math.round(share * (60 + 30 * Math.sin(at / 2.3) + (at % 7) * 4));
  const tokens = {
    input: calls * 900,
    cache_read: calls * Math.round(5200 + 900 * Math.cos(at / 4)),
    cache_write_5m: calls * 310,
    cache_write_1h: calls * 60,
    output: calls * 420,
    reasoning: calls * 80,
  };
  const cost = calls * 0.011 * price;
  const top = calls * 0.034 * TOP;
  return {
    group: { day, model: id },
    calls,
    tokens,
    cost,
    top,
    wait: [820 + 40 * (at % 5), 2600 + 90 * (at % 6)],
  };
}

function byOutcome(each) {
  return Object.entries(OUTCOMES).map(([outcome, share]) => ({
    ...each,
    group: { outcome },
    calls: Math.round(each.calls * share),
  }));
}

function added(sum, each) {
  if (sum === undefined) return each;
  const tokens = Object.fromEntries(
    Object.entries(each.tokens).map(([kind, n]) => [kind, sum.tokens[kind] + n]),
  );
  return {
    ...sum,
    tokens,
    calls: sum.calls + each.calls,
    cost: sum.cost + each.cost,
    top: sum.top + each.top,
  };
}

function shown({ group, calls, tokens, cost, top, wait: [p50, p95] }) {
  const failed = Math.round(calls * 0.03);
  return {
    group,
    calls,
    ok: calls - 2 * failed,
    refused: 0,
    cancelled: failed,
    failed,
    estimated: failed,
    unpriced: 0,
    tokens,
    cost_usd: cost.toFixed(6),
    first_token_ms: calls === 0 ? null : { p50, p95 },
    top_model_usd: top.toFixed(6),
    saved_usd: (top - cost).toFixed(6),
  };
}

function daysBetween(from, to) {
  const days = [];
  for (let at = Date.parse(`${from}T00:00:00Z`); at <= Date.parse(`${to}T00:00:00Z`); at += 86_400_000)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}
