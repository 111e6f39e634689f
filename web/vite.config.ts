import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

const backend = loadEnv("", ".", "PALAVER_")["PALAVER_URL"] ?? "http://127.0.0.1:8100";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // A data: font or script would break the page's content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "docs.html"] },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_600, // kB: Swagger UI, which only the reference page loads
  },
  // The page may be served under any path: the server inserts that into the HTML, and files find each other.
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === "html" ? `/${file}` : { relative: true }),
  },
  server: { proxy: { "/api": backend } },
  test: { environment: "jsdom", include: ["test/**/*.test.ts"], testTimeout: 20_000 },
});
