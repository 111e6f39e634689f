// Writes each built file once more as .br and .gz, so that the server never compresses a file while somebody waits.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = new URL("../dist/", import.meta.url);
const SMALLEST = 256; // bytes: nothing is gained below
const CODINGS = {
  br: (content) =>
    brotliCompressSync(content, {
      params: {
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
  gz: (content) => gzipSync(content, { level: 9 }),
};

for (const name of readdirSync(folder, { recursive: true })) {
  const file = new URL(name.replaceAll("\\", "/"), folder);
  if (!/\.(html|js|css|svg|json)$/.test(name) || !statSync(file).isFile()) continue;
  const content = readFileSync(file);
  for (const [suffix, compress] of Object.entries(CODINGS)) {
    const small = compress(content);
    if (content.length >= SMALLEST && small.length < content.length)
      writeFileSync(new URL(`${file.href}.${suffix}`), small);
  }
}
