// Prints what a visitor downloads, so that growth is visible.
import { existsSync, readdirSync, statSync } from "node:fs";

const folder = new URL("../dist/assets/", import.meta.url);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10);
const size = (name) => statSync(new URL(name, folder)).size;
const line = (name, [plain, gzip, brotli]) =>
  console.log(`${name.padEnd(32)}${kib(plain)}${kib(gzip)} gzip${kib(brotli)} brotli`);

const all = [0, 0, 0];
for (const name of readdirSync(folder).sort()) {
  if (/\.(gz|br)$/.test(name)) continue;
  const sizes = [name, `${name}.gz`, `${name}.br`].map((file) =>
    size(existsSync(new URL(file, folder)) ? file : name),
  );
  sizes.forEach((bytes, index) => (all[index] += bytes));
  line(name, sizes);
}
line("all", all);
