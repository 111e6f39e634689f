// Sanitizes HTML: whatever the parser writes, only these elements, attributes and addresses reach the page.

import type { Config, DOMPurify } from "dompurify";
import createPurifier from "dompurify";

const CONFIG: Config = {
  ALLOWED_TAGS: [
    ..."p br hr h1 h2 h3 h4 h5 h6 strong em s code pre span blockquote ul ol li a".split(" "),
    ..."table thead tbody tr th td sub sup kbd details summary #text".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "class", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOW_UNKNOWN_PROTOCOLS: false,
  RETURN_DOM_FRAGMENT: true,
};

const CLASSES =
  /^(language-[\w+#.-]{1,32}|hljs-[\w-]{1,40}|image-link|link-host|math|math-block|task|footnote|footnote-reference|left|center|right)$/;

export type Sanitize = (html: string) => DocumentFragment;

export function createSanitizer(view: Window & typeof globalThis): Sanitize {
  const purifier: DOMPurify = createPurifier(view);
  purifier.addHook("afterSanitizeAttributes", (element) => {
    const classes = [...element.classList].filter((name) => CLASSES.test(name));
    if (classes.length > 0) element.setAttribute("class", classes.join(" "));
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
  // A text can claim any address, so the real host is added unless the text is that address.
  if (!namesHost(link.textContent ?? "", host)) {
    const label = link.ownerDocument.createElement("span");
    label.className = "link-host";
    label.textContent = host;
    link.append(label);
  }
}

function namesHost(text: string, host: string): boolean {
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
