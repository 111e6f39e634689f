import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useSelect } from "../app/store.ts";
import { Skeleton } from "../views/elements/Skeleton.tsx";
import { TokenForm } from "../views/TokenForm.tsx";

/** Fetches the usage page when it is opened, so that the conversation's chunk does not carry it. */
export function UsageDoor(): JSX.Element {
  const access = useSelect((state) => state.access);
  const [Page, setPage] = useState<(() => JSX.Element) | null>(null);
  const [lost, setLost] = useState(false);
  useEffect(() => {
    import("./UsagePage.tsx").then(
      ({ UsagePage }) => setPage(() => UsagePage),
      () => setLost(true),
    );
  }, []);
  if (access !== "open") return <TokenForm refused={access === "refused"} />;
  if (lost) return <p class="page-problem">The page cannot be loaded. Is the server running?</p>;
  return Page === null ? <Skeleton lines={8} label="Loading" /> : <Page />;
}
