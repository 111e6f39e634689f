import { randomUUID } from "node:crypto";

/** The newest messages, which are never compacted. */
const NEVER_COMPACTED = 20;

const FACTS = [
  "Asked what follows from the first answer; patience was named as the rest of it",
  "Wants answers with a table where there are numbers (standing instruction)",
  "The tide tables of the harbour count more than any formula",
  "Open question: whether the spring tide of 12 March is too early for the trip",
];

const KEY_FACTS = [
  ["instruction", "answers", "with a table where there are numbers"],
  ["name", "skipper", "Ingrid Halvorsen"],
  ["identifier", "berth", "B-17, Moskenes"],
  ["decision", "crossing", "by the morning ferry of 14 March, because the car deck is small"],
  ["question", "spring tide", "is 12 March too early for the trip?"],
];
const fact = ([kind, subject, value], sources) => ({ kind, subject, value, sources, pinned: false });

/** Made-up summaries: one line for a few dozen messages. */
export function createSummaries(data) {
  const versions = new Map();
  const of = (thread) => versions.get(thread.id) ?? [];
  const current = (thread) => of(thread).findLast(({ active }) => active);

  function add(thread, origin, upto, lines, { segments = [], facts = [], past = [] } = {}) {
    for (const version of of(thread)) version.active = false;
    const version = { id: randomUUID(), upto_message_id: upto, origin, active: true };
    version.created_at = new Date().toISOString();
    version.segments = segments;
    version.facts = facts;
    version.past_facts = past;
    version.lines = lines.map((line) => ({ segment: segments.at(-1)?.id, ...line }));
    versions.set(thread.id, [...of(thread), version]);
  }

  function compact(thread) {
    const messages = data.path(thread).slice(0, -NEVER_COMPACTED);
    const upto = messages.at(-1)?.id;
    if (upto === undefined || current(thread)?.upto_message_id === upto) return;
    const step = Math.ceil(messages.length / 12);
    const lines = [];
    for (let at = 0; at < messages.length; at += step) {
      const sources = messages.slice(at, at + 2).map(({ id }) => id);
      const segment = `s${Math.floor(lines.length / 4)}`;
      lines.push({ text: FACTS[lines.length % FACTS.length], sources, pinned: lines.length === 1, segment });
    }
    const ids = [...new Set(lines.map(({ segment }) => segment))];
    const segments = ids.map((id, index) => ({
      id,
      level: ids.length - 1 - index,
      first_message_id: messages[0].id,
      last_message_id: upto,
      tokens: 90,
    }));
    const facts = KEY_FACTS.map((row) => fact(row, [messages[0].id]));
    const before = fact(["decision", "crossing", "by plane"], [messages[0].id]);
    const settled = fact(["question", "fuel", "how many litres?"], [messages[0].id]);
    const past = [
      { fact: before, reason: "replaced", by: facts[3] },
      { fact: settled, reason: "removed", by: null },
    ];
    add(thread, "model", upto, lines, { segments, facts, past });
  }

  compact(data.threads.get("long"));
  return {
    compact,

    shown(thread) {
      const version = current(thread);
      return {
        id: version?.id ?? null,
        upto_message_id: version?.upto_message_id ?? null,
        tokens: (version?.lines.length ?? 0) * 20,
        segments: version?.segments ?? [],
        lines: version?.lines ?? [],
        facts: version?.facts ?? [],
        past_facts: version?.past_facts ?? [],
        versions: of(thread)
          .map(({ id, upto_message_id, origin, active, created_at }) => ({
            id,
            upto_message_id,
            origin,
            active,
            created_at,
          }))
          .reverse(),
      };
    },

    /** False when the corrected version is no longer the newest. */
    edit(thread, { id, lines, facts }) {
      const version = current(thread);
      if (version?.id !== id) return false;
      const whole = lines.map((line) => ({
        ...line,
        sources: line.sources.length > 0 ? line.sources : [version.upto_message_id],
      }));
      const { segments, past_facts: past } = version;
      add(thread, "user", version.upto_message_id, whole, { segments, facts: facts ?? version.facts, past });
      return true;
    },

    undo(thread) {
      const version = current(thread);
      if (version === undefined) return;
      version.active = false;
      const before = of(thread)[of(thread).indexOf(version) - 1];
      if (before !== undefined) before.active = true;
    },
  };
}
