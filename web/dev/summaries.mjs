import { randomUUID } from "node:crypto";

/** The newest messages, which are never folded. */
const KEPT = 20;

const FACTS = [
  "Asked what follows from the first answer; patience was named as the rest of it",
  "Wants answers with a table where there are numbers (standing instruction)",
  "The tide tables of the harbour count more than any formula",
  "Open question: whether the spring tide of 12 March is too early for the trip",
];

/** Made-up summaries: a line for every few dozen messages. */
export function createSummaries(world) {
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

  function fold(thread) {
    const folded = world.path(thread).slice(0, -KEPT);
    const upto = folded.at(-1)?.id;
    if (upto === undefined || current(thread)?.upto_message_id === upto) return;
    const step = Math.ceil(folded.length / 12);
    const lines = [];
    for (let at = 0; at < folded.length; at += step) {
      const sources = folded.slice(at, at + 2).map(({ id }) => id);
      lines.push({ text: FACTS[lines.length % FACTS.length], sources, pinned: lines.length === 1 });
    }
    add(thread, "model", upto, lines);
  }

  fold(world.threads.get("long"));
  return {
    fold,

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

    /** False when the correction is of another version than the newest. */
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
