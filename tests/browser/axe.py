"""What axe-core, the common accessibility checker, has against a page as it stands; and what fingers would miss on it."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from chat.api.page import DIST

SOURCE = DIST.parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = "rules => axe.run({ runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })"

FINGER = 44  # pixels; links within a text are excepted, as in WCAG 2.5.5
MISSED = """least => {
  const modal = document.querySelector("dialog[open]") ?? document.querySelector(".drawer-open .sidebar") ?? document;
  return [...modal.querySelectorAll("button, a, select, input, summary, textarea, label, [role=option], [role^=menuitem]")]
    .filter(one => {
      const { width, height, bottom, right, top, left } = one.getBoundingClientRect();
      const away = bottom <= 0 || right <= 0 || top >= innerHeight || left >= innerWidth;
      const within = one.matches(".markdown a, .fact a, .skip-link, .visually-hidden, label input");
      const seen = one.checkVisibility({ visibilityProperty: true }) && width > 0;
      return seen && !away && !within && (width < least || height < least);
    })
    .map(one => {
      const { width, height } = one.getBoundingClientRect();
      const name = one.getAttribute("aria-label") ?? one.textContent.trim().slice(0, 40);
      return `${one.localName}.${one.className} “${name}” ${Math.round(width)}×${Math.round(height)}`;
    });
}"""


def source() -> str:
    """The checker itself. In CI it must be there; elsewhere tests that need it are skipped and say so."""
    if not SOURCE.is_file():
        missing = "axe-core is not installed (npm ci in web/)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return Path(SOURCE).read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """Each as one line: the rule, where, and what is wrong."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(source())
    results: dict[str, Any] = await page.evaluate(RUN, RULES)
    return [
        f"{broken['id']} at {node['target']}: {node['failureSummary']}"
        for broken in results["violations"]
        for node in broken["nodes"]
    ]


async def missed(page: Page) -> list[str]:
    """Whatever can be tapped now and is smaller than a finger."""
    targets: list[str] = await page.evaluate(MISSED, FINGER - 0.5)
    return targets
