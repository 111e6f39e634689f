import { randomUUID } from "node:crypto";

/** The newest messages, which are never compacted. */
const NEVER_COMPACTED = 20;

const FACTS = [
  "Asked what follows from the first answer; patience was named as the rest of it",
  "Wants answers with a table where there are numbers (standing instruction)",
  "The tide tables of the harbour count more than any formula",
  "Open question: whether the spring tide of 12 March is too early for the trip",
];

/** Made-up summaries: one line for a few dozen messages. */
export function createSummaries(data) {
  const versions = new Map();
  const of = (thread) => versions.get(thread.id) ?? [];
  const current = (thread) => of(thread).findLast(({ active }) => active);

  function add(thread, origin, upto, lines) {
    for (const version of of(thread)) version.active = false;
    const version = { id: randomUUID(), upto_message_id: upto, origin, active: true };
    version.created_at = new Date().toISOString();
    version.lines = lines.map((line) => ({ segment: version.id, ...line }));
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
      lines.push({ text: FACTS[lines.length % FACTS.length], sources, pinned: lines.length === 1 });
    }
    add(thread, "model", upto, lines);
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
        lines: version?.lines ?? [],
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
    edit(thread, { id, lines }) {
      const version = current(thread);
      if (version?.id !== id) return false;
      const whole = lines.map((line) => ({
        ...line,
        sources: line.sources.length > 0 ? line.sources : [version.upto_message_id],
      }));
      add(thread, "user", version.upto_message_id, whole);
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
