// Renders JSON Lines of Markdown with the page's own modules: {"id","text"|"markdown"} per line in, {"id","html"} per line out.
//   node scripts/render-markdown.mjs [--spec] [--open] < texts.jsonl > rendered.jsonl
// --spec turns off our own rules for links, images, tables and formulas, to compare with the CommonMark examples;
// --open renders as if the text still grew.

import { createInterface } from "node:readline";
import { JSDOM } from "jsdom";
import { runnerImport } from "vite";

const load = async (path) => (await runnerImport(path, { logLevel: "error" })).module;
const { createParser } = await load("/src/markdown/parser.ts");
const { createSanitizer } = await load("/src/markdown/sanitize.ts");
const { createBlocks } = await load("/src/markdown/blocks.ts");
const { highlight } = await load("/src/markdown/languages.ts");

const spec = process.argv.includes("--spec");
const open = process.argv.includes("--open");
const { window } = new JSDOM("");
const md = createParser({ extensions: !spec, highlight });
const sanitize = createSanitizer(window);

function render(text) {
  if (spec) return md.render(text);
  const patch = createBlocks(md).update(text, open);
  return patch.blocks
    .map((block) => {
      const holder = window.document.createElement("div");
      holder.append(sanitize(block));
      return holder.innerHTML;
    })
    .join("");
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  const { id, text, markdown } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id, html: render(text ?? markdown) })}\n`);
}
