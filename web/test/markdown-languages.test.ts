// Markdown of all languages, and what chats write beyond CommonMark.

import { describe, expect, test } from "vitest";
import { createBlocks } from "../src/markdown/blocks.ts";
import { followFootnote } from "../src/markdown/footnote-links.ts";
import { createPainter } from "../src/markdown/paint.ts";
import { createParser } from "../src/markdown/parser.ts";
import { createSanitizer } from "../src/markdown/sanitize.ts";
import { typeset } from "../src/markdown/typeset.ts";

const md = createParser({ extensions: true, highlight: () => null });
const sanitize = createSanitizer(window);

/** Paints a text that grows by `step` letters, as the page does. */
function page(text: string, step = text.length): HTMLElement {
  const target = document.createElement("div");
  const painter = createPainter(target, md, sanitize, typeset);
  for (let end = step; end < text.length; end += step) painter.paint(text.slice(0, end), true);
  painter.paint(text, false);
  return target;
}

const html = (text: string) =>
  page(text)
    .innerHTML.replace(/ (dir|class)="[^"]*"/g, "")
    .trim();

describe("emphasis", () => {
  test.each([
    ["**「重点」**内容", "<strong>「重点」</strong>内容"],
    ["中文**“重点”**内容", "中文<strong>“重点”</strong>内容"],
    ["これは**「強調」**です。", "これは<strong>「強調」</strong>です。"],
    ["**이것은 (중요)**합니다", "<strong>이것은 (중요)</strong>합니다"],
    ["**注意:**内容", "<strong>注意:</strong>内容"],
    ["𠮷**「字」**𠮷", "𠮷<strong>「字」</strong>𠮷"],
    ["~~（旧）~~新", "<s>（旧）</s>新"],
  ])("closes beside the punctuation of scripts without spaces: %s", (text, expected) => {
    expect(html(text)).toBe(`<p>${expected}</p>`);
  });

  test.each(["2 * 3 * 4", "a**(b)**c", "snake_case_名"])("stays as CommonMark says elsewhere: %s", (text) => {
    expect(html(text)).toBe(`<p>${text}</p>`);
  });
});

describe("direction", () => {
  const direction = (text: string, selector: string) =>
    [...page(text).querySelectorAll(selector)].map((element) => element.getAttribute("dir"));

  test("belongs to each paragraph, item and cell", () => {
    const text = "Hello\n\nשלום\n\n- one\n- שתיים\n\n| a | ב |\n|---|---|\n| c | ד |";
    expect(direction(text, "p, li, th, td")).toEqual(Array.from({ length: 8 }, () => "auto"));
  });

  test("of a list, quote or table is that of its first letter", () => {
    expect(direction("- שלום\n- b", "ul")).toEqual(["rtl"]);
    expect(direction("- *b*\n- שלום", "ul")).toEqual(["ltr"]);
    expect(direction("> مرحبا", "blockquote")).toEqual(["rtl"]);
    expect(direction("1. مرحبا\n\n   b\n2. c\n\n   d", "ol, li")).toEqual(["rtl", "rtl", "ltr"]);
  });

  test("of an item may be against its list", () => {
    const items = page("- one\n- שתיים\n  - a\n  - b").querySelectorAll("li");
    expect([...items].map((item) => item.classList.contains("against"))).toEqual([false, true, false, false]);
  });

  test("of code is always left to right", () => {
    expect(direction("שלום `x = 1`\n\n```\nא = 1\n```", "code, pre")).toEqual(["ltr", "ltr", "ltr"]);
  });
});

describe("HTML", () => {
  test.each([
    ["| a<br>b | c<BR/>d |\n|-|-|", "a<br>\nb", "th"],
    ["H<sub>2</sub>O", "2", "sub"],
    ["x<sup>**n**</sup>", "<strong>n</strong>", "sup"],
    ["press <kbd>Ctrl</kbd>+<kbd>C</kbd>", "Ctrl", "kbd"],
    ["<details><summary>More</summary>\n\n- **a**\n\n</details>", "More", "summary"],
    [
      "<details>\n<summary>More</summary>\n\n- **a**\n\n</details>\n\nafter",
      "<strong>a</strong>",
      "details li",
    ],
    ["<details><summary>A</summary>short</details>", "short", "details p"],
  ])("%s", (text, inner, selector) => {
    expect(page(text).querySelector(selector)?.innerHTML).toBe(inner);
  });

  test.each([
    "<sub onclick=alert(1)>x</sub>",
    "<kbd>no end",
    "</details>",
    "<summary>alone</summary>",
    "<u>x</u>",
    "`<br>`",
  ])("is text otherwise: %s", (text) => {
    expect(page(text).textContent?.trim()).toBe(text.replaceAll("`", ""));
  });

  test("what follows details is outside of them, and details that are open stay open", () => {
    const target = document.createElement("div");
    const painter = createPainter(target, md, sanitize, typeset);
    const text = "<details><summary>More</summary>\n\none\n";
    painter.paint(text, true);
    target.querySelector("details")?.setAttribute("open", "");
    painter.paint(`${text}\ntwo\n\n</details>\n\nafter`, false);
    expect(target.querySelector("details")?.hasAttribute("open")).toBe(true);
    expect([...target.children].map(({ tagName }) => tagName)).toEqual(["DETAILS", "P"]);
  });

  test.each(["<sub>", "<details>\n", "<details><summary>x</summary>\n", "[^1]: ", "[^a] ", "<br", "「**"])(
    "%j repeated is parsed in time",
    (unit) => {
      const began = performance.now();
      const blocks = createBlocks(md);
      blocks.update(unit.repeat(4_000), true);
      blocks.update(unit.repeat(8_000), false);
      expect(performance.now() - began).toBeLessThan(4_000);
    },
  );
});

describe("chats", () => {
  test("break lines where the text does", () => {
    expect(html("one\ntwo")).toBe("<p>one<br>\ntwo</p>");
  });

  test("have footnotes", () => {
    const target = page("A claim[^1] and more[^b].\n\nText.\n\n[^1]: The *source*.\n[^b]: Two\nlines.");
    const references = [...target.querySelectorAll("sup.footnote-reference")];
    expect(references.map(({ textContent }) => textContent)).toEqual(["1", "b"]);
    const notes = [...target.querySelectorAll("p.footnote")];
    expect(notes.map(({ textContent }) => textContent?.trim())).toEqual([
      "1 The source.↩\ufe0e",
      "b Two\nlines.↩\ufe0e",
    ]);
    expect(
      page("the class [^abc] and [^1](https://a.example)").querySelector("sup.footnote-reference"),
    ).toBeNull();
  });

  test("link each note and all places that refer to it, both ways", () => {
    const target = page("One[^1], two[^1] and[^x].\n\n[^x]: Other.\n[^1]: Note.\n[^1]: Not this one.");
    const links = [...target.querySelectorAll(".footnote-reference a")];
    const of = (link: Element | undefined) =>
      target.querySelector(`[id="${link?.getAttribute("href")?.slice(1) ?? ""}"]`);
    expect(links.map((link) => of(link)?.textContent?.slice(0, 7))).toEqual([
      "1 Note.",
      "1 Note.",
      "x Other",
    ]);
    const back = [...target.querySelectorAll(".footnote-back")];
    expect(back.map((link) => of(link))).toEqual([links[2], links[0], links[1]]);
    expect(back.map((link) => link.getAttribute("aria-label"))).toEqual([
      "Back to the text",
      "Back to the text",
      "Back to the text 2",
    ]);
    const ids = [...target.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
  });

  test("link notes only within one message, and once however often it is painted", () => {
    const [one, other] = ["a-", "b-"].map((prefix) => {
      const target = document.createElement("div");
      const painter = createPainter(target, md, sanitize, typeset, prefix);
      painter.paint("Claim[^1].\n\n[^1]: Note.\n\nEnd", true);
      expect(target.querySelector("a")).toBeNull();
      for (let count = 0; count < 3; count++) painter.paint("Claim[^1].\n\n[^1]: Note.\n\nEnd.", false);
      expect(target.querySelectorAll("a")).toHaveLength(2);
      return target.querySelector("p.footnote")?.id;
    });
    expect(one).toMatch(/^a-/);
    expect(other).toMatch(/^b-/);
  });

  test("follow such a link without leaving the address of the page", () => {
    const target = page("Claim[^<b>]. [out](https://a.example)\n\n[^<b>]: Note.");
    document.body.append(target);
    const scrolled: Element[] = [];
    Element.prototype.scrollIntoView = function () {
      scrolled.push(this);
    };
    target.addEventListener("click", followFootnote);
    const click = (selector: string) => {
      const event = new MouseEvent("click", { bubbles: true, cancelable: true });
      target.querySelector(selector)?.dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(click(".footnote-reference a")).toBe(true);
    expect(document.activeElement).toBe(target.querySelector("p.footnote"));
    expect(click(".footnote-back")).toBe(true);
    expect(document.activeElement).toBe(target.querySelector(".footnote-reference a"));
    expect(scrolled).toHaveLength(2);
    expect(click("p")).toBe(false);
    target.remove();
  });

  const SAMPLE = [
    "A claim[^1], H<sub>2</sub>O and [^x].\nNext line.",
    "<details>\n<summary>More **here**</summary>\n\n1. one\n2. two\n\n```js\nlet a\n```\n\n</details>",
    "| a<br>b | ב |\n|---|---|\n| c | $5 |",
    "**「重点」**内容",
    "[^1]: The note.",
  ].join("\n\n");

  test.each([1, 3, 17])("look the same when they grew (%d letters at a time)", (step) => {
    // The order of attributes may differ.
    expect(page(SAMPLE, step).isEqualNode(page(SAMPLE))).toBe(true);
  });

  test.each([
    "It was $5 (about 4$).",
    "价格$5，也就是5$。",
    "$20/month, then 30$",
    "cheap ($$) or dear ($$$)",
    "from $1,200 each, or 1100$ for two",
    "$5 and $6",
  ])("have prices that are no formulas: %s", (text) => {
    expect(page(text).querySelector("math, .math")).toBeNull();
  });

  test.each(["$5$", "$2x + 3$", "$3 \\text{ apples}$", "$10^{-3}$", "$2ab$"])("have formulas: %s", (text) => {
    expect(page(text).querySelector("math")).not.toBeNull();
  });
});

describe("formulas", () => {
  const cells = (tex: string) =>
    [...page(`$$${tex}$$`).querySelectorAll("mtd")].map((cell) => cell.getAttribute("class"));

  test("keep the alignment of aligned, cases and columns", () => {
    expect(cells("\\begin{aligned} a &= b \\end{aligned}")).toEqual([
      "tml-right flush-left flush-right",
      "tml-left flush-left flush-right",
    ]);
    expect(cells("\\begin{cases} a & x \\end{cases}")).toEqual([
      "tml-left flush-left flush-right",
      "tml-left wide-left flush-right",
    ]);
    expect(cells("\\begin{array}{l|r} a & x \\end{array}")).toEqual([
      "tml-left flush-left line-right",
      "tml-right flush-right",
    ]);
  });
});
