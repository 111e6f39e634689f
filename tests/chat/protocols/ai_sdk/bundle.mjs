// Bundle a module of React from standard input into one script, which is printed: node bundle.mjs < page.jsx
import { text } from "node:stream/consumers";
import { build } from "esbuild";

const { outputFiles } = await build({
  stdin: { contents: await text(process.stdin), loader: "jsx", resolveDir: import.meta.dirname },
  bundle: true,
  format: "iife",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  write: false,
});
process.stdout.write(outputFiles[0].text);
