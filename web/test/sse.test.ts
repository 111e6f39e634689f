// @vitest-environment node
import { describe, expect, test } from "vitest";
import { type SseEvent, sseParser } from "../src/transport/sse.ts";

function parse(...chunks: string[]): { events: SseEvent[]; retries: number[] } {
  const events: SseEvent[] = [];
  const retries: number[] = [];
  const parser = sseParser({ event: (event) => events.push(event), retry: (value) => retries.push(value) });
  for (const chunk of chunks) parser.feed(chunk);
  return { events, retries };
}

const dataOf = (...chunks: string[]) => parse(...chunks).events.map((event) => event.data);

describe("the event stream parser", () => {
  test.each([
    ["LF", "data: a\n\ndata: b\n\n"],
    ["CR", "data: a\r\rdata: b\r\r"],
    ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n"],
  ])("reads lines that end in %s", (_, text) => {
    expect(dataOf(text)).toEqual(["a", "b"]);
  });

  test("parses the same events however the text is cut", () => {
    const text = 'retry: 10\r\ndata: {"a":1}\r\nid: 1\r\n\r\n: ka\ndata: two\ndata: lines\nid: 2\n\n';
    const whole = parse(text);
    for (let cut = 0; cut <= text.length; cut++)
      expect(parse(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    expect(parse(...text)).toEqual(whole);
  });

  test("joins several data lines with LF", () => {
    expect(dataOf("data: a\ndata:b\ndata\n\n")).toEqual(["a\nb\n"]);
  });

  test("ignores comments and unknown fields", () => {
    expect(dataOf(": ka\n: ka\nfoo: bar\ndata: x\n\n")).toEqual(["x"]);
  });

  test("a keep-alive comment alone makes no event", () => {
    expect(dataOf(": ka\n", "\n", ": ka\n\n")).toEqual([]);
  });

  test("a block that has not ended makes no event", () => {
    expect(dataOf("data: half\n")).toEqual([]);
  });

  test("keeps the last id until another one arrives", () => {
    expect(parse("data: a\nid: 7\n\ndata: b\n\n").events.map((event) => event.id)).toEqual(["7", "7"]);
  });

  test("an id with NUL is ignored, and retry must be digits", () => {
    const { events, retries } = parse("id: a\0b\nretry: x\nretry: 1500\ndata: a\n\n");
    expect(events[0]?.id).toBe("");
    expect(retries).toEqual([1500]);
  });

  test("drops a byte order mark at the very start only", () => {
    expect(dataOf("\ufeffdata: a\n\ndata: \ufeffb\n\n")).toEqual(["a", "\ufeffb"]);
  });

  test("one long line in many chunks is read in linear time", () => {
    const chunks = ["data: ", ...Array.from({ length: 50_000 }, () => "0123456789"), "\n\n"];
    const began = performance.now();
    expect(dataOf(...chunks)[0]?.length).toBe(500_000);
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});
