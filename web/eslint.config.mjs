import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import ts from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [ts.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "no-console": ["error", { allow: ["warn"] }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `const { [id]: _, ...rest }` leaves one out.
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_$" }],
      // Event handlers may be async.
      "@typescript-eslint/no-misused-promises": [
        "error",
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      // Copying without a secure context, and Safari's end of a composition, have no other way.
      "@typescript-eslint/no-deprecated": [
        "error",
        { allow: [{ from: "lib", name: ["execCommand", "keyCode"] }] },
      ],
      // It believes that `signal.aborted` stays false across an await, and that the wire keeps to its types.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // `json<void>()` is an answer without a body.
      "@typescript-eslint/no-invalid-void-type": "off",
    },
  },
  // `onReady` of the highlighter is no method that needs `this`, and the mark of a fence is never empty.
  { files: ["src/main.tsx"], rules: { "@typescript-eslint/unbound-method": "off" } },
  {
    files: ["src/markdown/blocks.ts"],
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowNullish: true },
      ],
    },
  },
  // Stand-ins are async because what they stand for is; text is cut into characters on purpose.
  {
    files: ["test/**"],
    rules: { "@typescript-eslint/require-await": "off", "@typescript-eslint/no-misused-spread": "off" },
  },
  // Plain scripts, of Node and of the browser: a name that does not exist shows when they run.
  { files: ["**/*.{js,mjs}"], rules: { "no-undef": "off" } },
);
