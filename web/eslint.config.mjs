import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import ts from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist", "mutation", "src/transport/generated.ts"] },
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
      // `const { [id]: _, ...rest }` omits a property.
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_$" }],
      // Event handlers may be async.
      "@typescript-eslint/no-misused-promises": [
        "error",
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      // There is no other way to copy without a secure context, or to see the end of a composition in Safari.
      "@typescript-eslint/no-deprecated": [
        "error",
        { allow: [{ from: "lib", name: ["execCommand", "keyCode"] }] },
      ],
      // The rule assumes that `signal.aborted` stays false across an await, and that the server sends what the types say.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // `json<void>()` is a response without a body.
      "@typescript-eslint/no-invalid-void-type": "off",
    },
  },
  // One idea per file and function: a longer one is split.
  {
    files: ["src/**"],
    rules: { "max-lines": ["error", 300], "max-lines-per-function": ["error", 60] },
  },
  // Pure folders: no browser, no clock, no randomness. test/layers.test.ts holds what they import.
  {
    files: ["src/format/**", "src/state/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        ..."window document navigator location history fetch crypto performance setTimeout setInterval".split(
          " ",
        ),
        ..."localStorage sessionStorage requestAnimationFrame addEventListener dispatchEvent matchMedia".split(
          " ",
        ),
      ],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now" },
        { object: "Math", property: "random" },
      ],
      "no-restricted-syntax": ["error", "NewExpression[callee.name='Date'][arguments.length=0]"],
    },
  },
  // The markup of a fence is never empty.
  {
    files: ["src/markdown/blocks.ts"],
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowNullish: true },
      ],
    },
  },
  // Fakes are async because the real things are; text is split into characters on purpose.
  {
    files: ["test/**"],
    rules: { "@typescript-eslint/require-await": "off", "@typescript-eslint/no-misused-spread": "off" },
  },
  // Plain scripts for Node and the browser: an unknown name shows when they run.
  { files: ["**/*.{js,mjs}"], rules: { "no-undef": "off" } },
);
