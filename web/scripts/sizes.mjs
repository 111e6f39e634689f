// Prints what a visitor downloads, so that growth is visible.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const folder = new URL("../dist/assets/", import.meta.url);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);
let plain = 0;
let packed = 0;
for (const name of readdirSync(folder).sort()) {
  const content = readFileSync(new URL(name, folder));
  const small = gzipSync(content, { level: 9 }).length;
  plain += content.length;
  packed += small;
  console.log(`${name.padEnd(32)}${kib(content.length)}${kib(small)} gzip`);
}
console.log(`${"all".padEnd(32)}${kib(plain)}${kib(packed)} gzip`);
