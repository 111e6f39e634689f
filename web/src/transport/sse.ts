// Server-sent events as the HTML standard defines them: lines end in CR, LF or CRLF, a blank line ends an event, lines
// that start with ":" are comments. Pure: text in, events out. Chunks may be cut anywhere.

export interface SseEvent {
  readonly data: string;
  readonly event: string;
  readonly id: string;
}

export interface SseSink {
  event(event: SseEvent): void;
  retry?(milliseconds: number): void;
}

export interface SseParser {
  feed(chunk: string): void;
}

export function sseParser(sink: SseSink): SseParser {
  let line = "";
  let data: string[] = [];
  let event = "";
  let id = "";
  let first = true;
  let afterCarriageReturn = false;

  function field(name: string, value: string): void {
    if (name === "data") data.push(value);
    else if (name === "event") event = value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d+$/.test(value)) sink.retry?.(Number(value));
  }

  function endOfLine(): void {
    const text = line;
    line = "";
    if (text === "") {
      if (data.length > 0) sink.event({ data: data.join("\n"), event: event || "message", id });
      data = [];
      event = "";
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    if (colon < 0) field(text, "");
    else field(text.slice(0, colon), text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1));
  }

  return {
    feed(chunk) {
      let from = 0;
      if (first && chunk.length > 0) {
        first = false;
        if (chunk.charCodeAt(0) === 0xfeff) from = 1;
      }
      // Scan only the new chunk: scanning the whole unfinished line again would cost O(n²) on a long line.
      for (let at = from; at < chunk.length; at++) {
        const code = chunk.charCodeAt(at);
        if (code === 10 && afterCarriageReturn) {
          afterCarriageReturn = false;
          from = at + 1;
        } else if (code === 10 || code === 13) {
          line += chunk.slice(from, at);
          from = at + 1;
          afterCarriageReturn = code === 13;
          endOfLine();
        } else {
          afterCarriageReturn = false;
        }
      }
      line += chunk.slice(from);
    },
  };
}
