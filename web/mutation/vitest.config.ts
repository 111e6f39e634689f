import { defineConfig } from "vitest/config";

// The tests that hold the pure modules. Those of views, of the keyboard and of this repository's texts would only take time.
export default defineConfig({
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.ts"],
    exclude: [
      "test/{layers,vocabulary,keyboard,typed-text,presence,documented-events,menu-position,summary-actions}.test.ts",
    ],
    testTimeout: 20_000,
  },
});
