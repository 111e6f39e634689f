import type { JSX } from "preact";
import { replaceDraft } from "../../storage/drafts.ts";
import { useActions } from "../hooks/actions-context.ts";

const IDEAS = [
  "Explain how tides work, as if to a curious ten-year-old",
  "Draft a polite note to move our meeting to Thursday",
  "Write a Python function that groups files by year",
  "Help me weigh renting against buying",
] as const;

export function EmptyConversation(): JSX.Element {
  const { storage } = useActions();
  const draft = (idea: string) => {
    replaceDraft(storage, null, idea);
    document.getElementById("composer")?.focus();
  };
  return (
    <div class="empty">
      <h1>{greeting(new Date().getHours())}</h1>
      <p>What would you like to talk about?</p>
      <ul>
        {IDEAS.map((idea) => (
          <li key={idea}>
            <button type="button" onClick={() => draft(idea)}>
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
