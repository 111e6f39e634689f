import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../transport/http.ts";
import { useActions } from "../views/hooks/actions-context.ts";
import type { UsageQuery } from "./use-usage.ts";
import { IconButton } from "../views/elements/icons.tsx";

/** Downloads of the usage data. A failed download shows its problem beside the buttons. */
export function Downloads({ query }: { readonly query: UsageQuery }): JSX.Element {
  const { api } = useActions();
  const [downloading, setDownloading] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const totals = new URLSearchParams({ ...query, group_by: "day,model" }).toString();
  const calls = new URLSearchParams({ ...query, limit: "100000" }).toString();
  const files: readonly (readonly [string, string, string])[] = [
    ["Totals as CSV", `/api/usage?${totals}&format=csv`, "palaver-usage.csv"],
    ["Totals as JSON", `/api/usage?${totals}`, "palaver-usage.json"],
    ["All calls as CSV", `/api/usage/calls?${calls}&format=csv`, "palaver-calls.csv"],
  ];

  const download = async (path: string, name: string) => {
    setDownloading(name);
    setProblem(null);
    try {
      save(await api.download(path), name);
    } catch (error) {
      const reason = error instanceof ApiError ? error.message : "The file could not be saved.";
      setProblem(`${name} could not be downloaded. ${reason}`);
    }
    setDownloading(null);
  };

  return (
    <>
      {files.map(([label, path, name]) => (
        <button
          key={name}
          type="button"
          class="text-button"
          disabled={downloading !== null}
          aria-busy={downloading === name}
          onClick={() => void download(path, name)}
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
