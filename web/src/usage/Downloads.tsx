import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../transport/api.ts";
import { useDeeds } from "../views/hooks/actions-context.ts";
import { IconButton } from "../views/elements/icons.tsx";

/** The same figures as files. A file that does not come is told beside them and takes nothing away. */
export function Downloads({ asked }: { readonly asked: Readonly<Record<string, string>> }): JSX.Element {
  const { api } = useDeeds();
  const [fetching, setFetching] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const sums = new URLSearchParams({ ...asked, group_by: "day,model" }).toString();
  const calls = new URLSearchParams({ ...asked, limit: "100000" }).toString();
  const files: readonly (readonly [string, string, string])[] = [
    ["Sums as CSV", `/api/usage?${sums}&format=csv`, "palaver-usage.csv"],
    ["Sums as JSON", `/api/usage?${sums}`, "palaver-usage.json"],
    ["All calls as CSV", `/api/usage/calls?${calls}&format=csv`, "palaver-calls.csv"],
  ];

  const take = async (path: string, name: string) => {
    setFetching(name);
    setProblem(null);
    try {
      save(await api.download(path), name);
    } catch (failure) {
      const why = failure instanceof ApiError ? failure.message : "The file cannot be made.";
      setProblem(`${name} could not be downloaded. ${why}`);
    }
    setFetching(null);
  };

  return (
    <>
      {files.map(([label, path, name]) => (
        <button
          key={name}
          type="button"
          class="text-button"
          disabled={fetching !== null}
          aria-busy={fetching === name}
          onClick={() => void take(path, name)}
        >
          {label}
        </button>
      ))}
      {problem !== null && (
        <div class="alert" role="alert">
          <p>{problem}</p>
          <IconButton icon="close" label="Close" onClick={() => setProblem(null)} />
        </div>
      )}
    </>
  );
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
