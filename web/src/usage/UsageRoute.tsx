import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useSelector } from "../app/store.ts";
import { Skeleton } from "../views/elements/Skeleton.tsx";
import { TokenForm } from "../views/TokenForm.tsx";

/** Loads the usage page when it is opened. It is a chunk of its own, so that a conversation does not load it. */
export function UsageRoute(): JSX.Element {
  const access = useSelector((state) => state.access);
  const [Page, setPage] = useState<(() => JSX.Element) | null>(null);
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    import("./UsagePage.tsx").then(
      ({ UsagePage }) => setPage(() => UsagePage),
      () => setFailed(true),
    );
  }, []);
  if (access !== "open") return <TokenForm refused={access === "refused"} />;
  if (hasFailed) return <p class="page-problem">The page could not be loaded. Is the server running?</p>;
  return Page === null ? <Skeleton lines={8} label="Loading" /> : <Page />;
}
