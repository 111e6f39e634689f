import { describe, expect, test } from "vitest";
import { createBlocks } from "../src/markdown/blocks.ts";
import { highlight } from "../src/markdown/languages.ts";
import { createPainter } from "../src/markdown/paint.ts";
import { createParser, escapeHtml } from "../src/markdown/parser.ts";
import { createSanitizer } from "../src/markdown/sanitize.ts";
import { typeset } from "../src/markdown/typeset.ts";

const md = createParser({ extensions: true, highlight });
const sanitize = createSanitizer(window);

/** Paints a text that grows by `step` letters, as the page does. */
function grow(text: string, step = text.length): HTMLElement {
  const target = document.createElement("div");
  const painter = createPainter(target, md, sanitize, typeset);
  for (let end = step; end < text.length; end += step) painter.paint(text.slice(0, end), true);
  painter.paint(text, false);
  return target;
}

/** The HTML of each step before the sanitizer. */
function frames(text: string, step: number): string[][] {
  const blocks = createBlocks(md);
  const all: string[][] = [];
  let shown: string[] = [];
  for (let end = step; end < text.length + step; end += step) {
    const patch = blocks.update(text.slice(0, end), end < text.length);
    if (patch.type === "blocks") shown = [...shown.slice(0, patch.keep), ...patch.blocks];
    else
      shown = [
        ...shown.slice(0, -1),
        (shown.at(-1) ?? "").replace(/<\/code>/, `${escapeHtml(patch.text)}</code>`),
      ];
    all.push(shown);
  }
  return all;
}

const page = (text: string) => grow(text);
const unfinished = (text: string) => {
  const target = document.createElement("div");
  createPainter(target, md, sanitize, typeset).paint(text, true);
  return target;
};

const SAMPLE = [
  "# Title\n\nSome **bold**, _soft_, ~~gone~~ and `code` text with a [link](https://example.com/a) in it.",
  "- one\n- two\n  - deep **er**\n\n  more\n- three",
  "| a | b |\n| :-- | --: |\n| 1 | `2` |\n| 3 | 4 |",
  "```python\ndef f(x):\n    return x ** 2\n```",
  "> quoted *text*\n> goes on\n\n1. first\n2. second\n\n---",
  "So $a^2$, \\(b\\) and:\n\n$$\na\n\n+ b\n$$\n\nthen\n\\[ c \\]",
  "- [ ] open\n- [x] done",
  "Last words: 2 * 3 = 6, snake_case_name, a_b, and an end.",
].join("\n\n");

describe("growing text", () => {
  test.each([1, 2, 3, 7, 50])("gives the same result as complete text (%d letters at a time)", (step) => {
    expect(frames(SAMPLE, step).at(-1)).toEqual(frames(SAMPLE, SAMPLE.length).at(-1));
  });

  test("is painted like complete text", () => {
    expect(grow(SAMPLE, 23).innerHTML).toBe(page(SAMPLE).innerHTML);
  });

  test("links defined at the end still work above", () => {
    const text = "See [the docs] first.\n\nThen rest.\n\n[the docs]: https://example.com/docs";
    expect(grow(text, 9).querySelector("a")?.getAttribute("href")).toBe("https://example.com/docs");
  });

  test.each([
    ["some **bold te", "some bold te", "strong"],
    ["some **bold*", "some bold", "strong"],
    ["some *soft te", "some soft te", "em"],
    ["a ~~struck te", "a struck te", "s"],
    ["a `code te", "a code te", "code"],
    ["***both** and", "both and", "em"],
    ["- item with **bo", "item with bo", "strong"],
  ])("%j shows its markup from the first letter", (text, seen, tag) => {
    const target = unfinished(text);
    expect(target.textContent?.trim()).toBe(seen);
    expect(target.querySelector(tag)).not.toBeNull();
  });

  test.each([
    ["see [the do", "see the do"],
    ["see [the docs]", "see the docs"],
    ["see [the docs](https://exa", "see the docs"],
    ["see ![a pic](https://exa", "see a pic"],
  ])("%j shows the label and no address", (text, seen) => {
    const target = unfinished(text);
    expect(target.textContent?.trim()).toBe(seen);
    expect(target.querySelector("a")).toBeNull();
  });

  test.each(["2*3", "5 * 3", "snake_case"])("%j is not taken for markup", (text) => {
    expect(unfinished(`${text} and on`).textContent?.trim()).toBe(`${text} and on`);
  });

  test.each([
    ["words\n-", "words"],
    ["words\n\n#", "words"],
    ["words\n\n```", "words"],
    ["words\n\n```pyth", "words"],
    ["words\n\n| a | b |", "words"],
    ["words\n\n| a | b |\n|--", "words"],
    ["words\n\n```js\nlet a\n``", "wordsjsCopylet a"],
  ])("%j is held back until the end is decided", (text, seen) => {
    expect(unfinished(text).textContent?.trim()).toBe(seen);
  });

  test("no step shows markup that later disappears", () => {
    for (const frame of frames(SAMPLE, 1)) {
      const text = frame
        .join("")
        .replace(/<code[^>]*>.*?<\/code>/gs, "")
        .replace(/<[^>]*>/g, "");
      expect(text).not.toMatch(/\*\*|~~|\]\(|```|\|/);
    }
  });

  test("finished blocks are the same nodes until the end", () => {
    const target = document.createElement("div");
    const painter = createPainter(target, md, sanitize, typeset);
    painter.paint("# One\n\nfirst paragraph\n\nsecond", true);
    const [title, paragraph] = target.children;
    for (let count = 0; count < 50; count++)
      painter.paint(`# One\n\nfirst paragraph\n\nsecond${" and on".repeat(count)}`, true);
    painter.paint("# One\n\nfirst paragraph\n\nsecond end", false);
    expect([target.children[0], target.children[1]]).toEqual([title, paragraph]);
    expect(target.children[0]).toBe(title);
  });

  test("replaced text is painted from the start", () => {
    const target = document.createElement("div");
    const painter = createPainter(target, md, sanitize, typeset);
    painter.paint("one\n\ntwo\n\nthree", true);
    painter.paint("other", false);
    expect(target.textContent).toBe("other");
  });

  test("a long open code block grows by appending", () => {
    const blocks = createBlocks(md);
    const start = `intro\n\n\`\`\`js\n${"let a = 1;\n".repeat(600)}`;
    expect(blocks.update(start, true).type).toBe("blocks");
    expect(blocks.update(`${start}let b`, true)).toEqual({ type: "code", text: "" });
    expect(blocks.update(`${start}let b = 2;\nle`, true)).toEqual({ type: "code", text: "let b = 2;\n" });
    expect(blocks.update(`${start}let b = 2;\n\`\`\`\nAfter`, true).type).toBe("blocks");
  });

  test.each([7, 64])(
    "a long code block gives the same result as complete text (%d letters at a time)",
    (step) => {
      const text = `intro\n\n\`\`\`js\n${"let a = '`' + 1; // ```\n".repeat(300)}\`\`\`\n\nAfter **it**.`;
      const seen = frames(text, step);
      expect(seen.at(-1)).toEqual(frames(text, text.length).at(-1));
      expect(seen.at(-5)?.join("").match(/let/g)?.length).toBeLessThanOrEqual(300);
    },
  );

  test("the work per delta does not grow with the answer", () => {
    const counting = createParser({ extensions: true, highlight: () => null });
    let letters = 0;
    counting.core.ruler.push("count", ({ src }) => {
      letters += src.length;
    });
    const workOf = (paragraphs: number) => {
      const blocks = createBlocks(counting);
      let text = "Some words, **bold** ones and `code`, go on for a while here.\n\n".repeat(paragraphs);
      blocks.update(text, true);
      letters = 0;
      for (let count = 0; count < 100; count++) {
        text += count % 9 === 8 ? "\n\n" : "more ";
        blocks.update(text, true);
      }
      return letters;
    };
    expect(workOf(2_000)).toBe(workOf(20));
  });
});

describe("hostile text", () => {
  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "[x](/api/threads)",
    "[x](//evil.example/a)",
    '```"><img src=x onerror=alert(1)>\ncode\n```',
  ])("%j makes no active element and no link", (text) => {
    for (const target of [page(text), unfinished(text)]) {
      expect(target.querySelector("script, img, iframe, a[href], [onerror], style, form, svg")).toBeNull();
    }
  });

  test("links open in a new tab, send no referrer, and show their host", () => {
    const link = page("[your bank](https://evil.example/login)").querySelector("a");
    expect(link?.getAttribute("rel")).toBe("noopener noreferrer nofollow");
    expect(link?.getAttribute("target")).toBe("_blank");
    expect(link?.querySelector(".link-host")?.textContent).toBe("evil.example");
  });

  test.each([
    ["https://bank.example", "https://evil.example/"],
    ["bank.example", "https://bank.example@evil.example/"],
    ["https://bank.example@evil.example", "https://bank.example@evil.example"],
    ["notevil.example", "https://evil.example"],
  ])("a link text %j cannot hide its host", (label, href) => {
    const link = page(`[${label}](${href})`).querySelector("a");
    expect(link?.querySelector(".link-host")?.textContent).toBe("evil.example");
  });

  test("a bare link does not repeat its host", () => {
    const link = page("see https://example.com/a?b=c for more").querySelector("a");
    expect(link?.textContent).toBe("https://example.com/a?b=c");
  });

  test("images are links and never load", () => {
    const target = page("![a chart](https://tracker.example/p.png?secret=1)");
    expect(target.querySelector("img")).toBeNull();
    expect(target.querySelector("a.image-link")?.textContent).toContain("a chart");
  });

  test("an image inside a link leaves one link", () => {
    expect(page("[![alt](https://a.example/i.png)](https://b.example)").querySelectorAll("a").length).toBe(1);
  });

  test("no style attribute is ever written", () => {
    expect(page(SAMPLE).querySelector("[style], [id], [name]")).toBeNull();
  });
});

describe("formulas", () => {
  test.each(["\\(a^2\\)", "$a^2$", "$$a^2$$", "\\[a^2\\]", "$$\na^2\n$$", "\\[\na^2\n\\]"])(
    "%j is typeset",
    (text) => {
      expect(page(text).querySelector("math msup")?.textContent).toBe("a2");
    },
  );

  test.each(["it costs $5 and $6", "$5/$6", "a \\(b", "US$ 5, A$ 6", "`$a$`"])(
    "%j is not a formula",
    (text) => {
      expect(page(text).querySelector("math, .math")).toBeNull();
    },
  );

  test.each([
    "\\href{javascript:alert(1)}{x}",
    "\\url{javascript:alert(1)}",
    "\\includegraphics{https://evil.example/x.png}",
    "\\text{<img src=x onerror=alert(1)>}",
    "\\style{color:red}{x}",
    "\\class{x}{y}",
    "\\id{x}{y}",
    "\\data{x=1}{y}",
  ])("%j makes no active element", (tex) => {
    const target = page(`$$${tex}$$`);
    expect(target.querySelector("img, a, [href], [style], [id], [class*=x], [onerror], [src]")).toBeNull();
  });

  test("a formula without its end is held back, and its signs are never shown", () => {
    expect(unfinished("so \\(a^2 + ").textContent?.trim()).toBe("so");
    expect(unfinished("so\n\n$$\na^2 +").textContent?.trim()).toBe("so");
  });

  test("a formula that grows without bound stays text", () => {
    const bomb =
      "\\def\\a{xx}\\def\\b{\\a\\a\\a\\a}\\def\\c{\\b\\b\\b\\b}\\def\\d{\\c\\c\\c\\c}\\def\\e{\\d\\d\\d\\d}\\e\\e\\e\\e";
    const began = performance.now();
    page(`$$${bomb}$$`);
    page(`$$${"{".repeat(1_900)}x${"}".repeat(1_900)}$$`);
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});

describe("the parser", () => {
  test("combining marks on a letter are limited, and usual ones stay", () => {
    expect(page(`a${"\u0301".repeat(50_000)}b`).textContent?.length).toBe(18);
    expect(page("ดีที่สุด नमस्ते é̂").textContent?.trim()).toBe("ดีที่สุด नमस्ते é̂");
  });

  test("highlights known languages only", () => {
    expect(page("```py\nx = 1\n```").querySelector(".hljs-number")).toBeNull();
    expect(page("```python\nx = 1\n```").querySelector(".hljs-number")?.textContent).toBe("1");
    expect(page("```klingon\nx < 1\n```").querySelector("code")?.textContent).toBe("x < 1\n");
  });

  test.each(["*a **a ", "[a](b", "> ", "- ", "```", "![", "<a", "| ", "a **b ", "[", "&", "\\", "~~x "])(
    "%j repeated without end is parsed in time",
    (unit) => {
      const began = performance.now();
      frames(unit.repeat(4_000), unit.length * 1_000);
      expect(performance.now() - began).toBeLessThan(4_000);
    },
  );
});
