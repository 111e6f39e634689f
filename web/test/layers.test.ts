// The map in web/README.md is a contract: every folder of src has a row, and imports only what its row allows.

import { describe, expect, test } from "vitest";
import readme from "../README.md?raw";

const sources: Readonly<Record<string, string>> = import.meta.glob("../src/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});
const everything = Object.keys(import.meta.glob("../src/**/*.*"));

interface Layer {
  readonly folder: string;
  readonly mayImport: readonly string[];
  readonly packages: readonly string[];
}

const quoted = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

/** The rows of the map, bottom layer first. */
const layers: readonly Layer[] = readme.split("\n").flatMap((line) => {
  const [, where = "", , imports, packages] = line.split("|");
  const [folder] = quoted(where);
  if (folder?.startsWith("src/") !== true) return [];
  return [{ folder, mayImport: quoted(imports).map((name) => `src/${name}`), packages: quoted(packages) }];
});

const folderOf = (path: string) => path.slice("../".length, path.lastIndexOf("/") + 1);

function specifiers(path: string): readonly string[] {
  const text = sources[path] ?? "";
  return [...text.matchAll(/(?:\bfrom |\bimport |\bimport\()"([^"]+)"/g)].map(([, name = ""]) => name);
}

/** The files of src that a file imports, as paths like those of `sources`. */
function importsOf(path: string): readonly string[] {
  return specifiers(path)
    .filter((name) => name.startsWith("."))
    .map((name) => `..${new URL(name, `file:///${path.slice("../".length)}`).pathname}`);
}

/** The npm packages that a file imports, without the paths inside them. */
function packagesOf(path: string): readonly string[] {
  return specifiers(path)
    .filter((name) => !name.startsWith("."))
    .map((name) => name.split("/")[0] ?? name);
}

const filesIn = (folder: string) => Object.keys(sources).filter((path) => folderOf(path) === folder);
const distinct = (names: readonly string[]) => [...new Set(names)].sort();

describe("the map", () => {
  test("has a row for every folder, and no other", () => {
    const folders = [...layers.map(({ folder }) => folder)].sort();
    expect(folders).toEqual(distinct(everything.map(folderOf)));
  });

  test("lists each folder below those it may import", () => {
    for (const [index, { folder, mayImport }] of layers.entries()) {
      const above = layers.slice(0, index).map((layer) => layer.folder);
      expect(above, folder).toEqual(expect.arrayContaining([...mayImport]));
    }
  });
});

describe.each(layers)("$folder", ({ folder, mayImport, packages }) => {
  test("imports the folders of its row and no others", () => {
    const imported = filesIn(folder).flatMap(importsOf).map(folderOf);
    expect(distinct(imported.filter((other) => other !== folder))).toEqual(distinct(mayImport));
  });

  test("imports the packages of its row and no others", () => {
    expect(distinct(filesIn(folder).flatMap(packagesOf))).toEqual(distinct(packages));
  });
});

test("no file imports itself, directly or through others", () => {
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    expect(trail, "an import cycle").not.toContain(path);
    if (finished.has(path)) return;
    for (const next of importsOf(path)) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of Object.keys(sources)) visit(path, []);
});
