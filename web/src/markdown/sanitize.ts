// The second wall: whatever the parser wrote, only these elements, attributes and addresses reach the page.

import type { Config, DOMPurify } from "dompurify";
import createPurifier from "dompurify";

const CONFIG: Config = {
  ALLOWED_TAGS: [
    ..."p br hr h1 h2 h3 h4 h5 h6 strong em s code pre span blockquote ul ol li a".split(" "),
    ..."table thead tbody tr th td #text".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOW_UNKNOWN_PROTOCOLS: false,
  RETURN_DOM_FRAGMENT: true,
};

const CLASSES =
  /^(language-[\w+#.-]{1,32}|hljs-[\w-]{1,40}|image-link|link-host|maths|maths-block|task|left|center|right)$/;

export type Sanitise = (html: string) => DocumentFragment;

export function createSanitiser(view: Window & typeof globalThis): Sanitise {
  const purifier: DOMPurify = createPurifier(view);
  purifier.addHook("afterSanitizeAttributes", (element) => {
    const kept = [...element.classList].filter((name) => CLASSES.test(name));
    if (kept.length > 0) element.setAttribute("class", kept.join(" "));
    else element.removeAttribute("class");
    if (element.tagName === "A") guardLink(element);
  });
  return (html) => purifier.sanitize(html, CONFIG) as unknown as DocumentFragment;
}

function guardLink(link: Element): void {
  const url = address(link.getAttribute("href"));
  if (url === null) {
    link.removeAttribute("href");
    return;
  }
  link.setAttribute("rel", "noopener noreferrer nofollow");
  link.setAttribute("target", "_blank");
  const host = url.protocol === "mailto:" ? url.pathname : url.host;
  // Text may claim any address: the real one stands beside it unless the text is that very address.
  if (!saysHost(link.textContent ?? "", host)) {
    const shown = link.ownerDocument.createElement("span");
    shown.className = "link-host";
    shown.textContent = host;
    link.append(shown);
  }
}

function saysHost(text: string, host: string): boolean {
  const bare = text.trim();
  if (bare === host) return true;
  const url = address(bare);
  return (
    url !== null && (url.protocol === "mailto:" ? url.pathname : url.host) === host && url.username === ""
  );
}

function address(text: string | null): URL | null {
  if (text === null || !/^(https?:\/\/|mailto:)/i.test(text)) return null;
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
