import type { JSX } from "preact";
import { useDeeds } from "../hooks/actions-context.ts";

const IDEAS = [
  "Explain how tides work, as if to a curious ten-year-old",
  "Draft a polite note to move our meeting to Thursday",
  "Write a Python function that groups files by year",
  "Help me weigh renting against buying",
] as const;

export function Empty(): JSX.Element {
  const { memory } = useDeeds();
  const take = (idea: string) => {
    memory.write("draft.new", idea);
    dispatchEvent(new CustomEvent("palaver:draft"));
    document.getElementById("composer")?.focus();
  };
  return (
    <div class="empty">
      <h1>{greeting(new Date().getHours())}</h1>
      <p>What shall we talk about?</p>
      <ul>
        {IDEAS.map((idea) => (
          <li key={idea}>
            <button type="button" onClick={() => take(idea)}>
              {idea}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function greeting(hour: number): string {
  if (hour < 5) return "Still up?";
  if (hour < 12) return "Good morning";
  if (hour < 18) return "Good afternoon";
  return "Good evening";
}
