"""Text from models and people is hostile. The page's own wall holds, and the browser's policy holds, each without the other."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HOSTILE = (
    r"""
<script>window.owned = 1</script>
<img src=x onerror="window.owned = 2"> <svg onload="window.owned = 3"></svg>
<iframe srcdoc="<script>parent.owned = 4</script>"></iframe>
<meta http-equiv="refresh" content="0; url=http://evil.invalid/meta"> <base href="http://evil.invalid/">
<link rel="stylesheet" href="http://evil.invalid/style.css"> <style>@import "http://evil.invalid/more.css";</style>
<form action="http://evil.invalid/form"><button>Send</button></form>
<a href="javascript:window.owned=5">raw</a> <math><mtext></mtext><script>window.owned=6</script></math>

[link](javascript:window.owned=7) [data](data:text/html,<script>parent.owned=8</script>) [tab](java	script:window.owned=9)
[entity](&#106;avascript:window.owned=10) <javascript:window.owned=11> [vb](vbscript:owned) [file](file:///etc/passwd)
![pixel](http://evil.invalid/pixel.png) ![x](x" onerror="window.owned=12) ![](//evil.invalid/rel.png)
[title](http://example.invalid "a\" onmouseover=\"window.owned=13") [trust](https://bank.invalid@evil.invalid/)

```"><script>window.owned=14</script>
</code></pre><script>window.owned = 15</script>
```

| a | b |
|---|---|
| <img src=x onerror=window.owned=16> | `<script>window.owned=17</script>` |

$$\href{javascript:window.owned=18}{x}$$ <!-- <img src=x onerror=window.owned=19> --> \<script>window.owned=20</script>
[ref]: javascript:window.owned=21
[ref]
"""
    + "\r\ndata: {}\r\n\r\nevent: evil\r\n"
)


@pytest.mark.parametrize("bypass", [False, True], ids=["with policy", "without policy"])
async def test_hostile_text_is_only_text(
    app: Palaver, sim: Simulator, open_page: Visit, bypass: bool
) -> None:
    sim.respond(lambda _: Reply(text=HOSTILE, chunk=7, delay=0.001, thinking=HOSTILE))
    person = await open_page(app.url, bypass_csp=bypass)
    complaints: list[str] = []
    person.page.on("console", lambda message: complaints.append(message.text))
    await person.say(HOSTILE)
    answer = await person.finished()
    await answer.get_by_role("button", name=re.compile("^Thought for ")).click()
    await person.page.keyboard.press("Control+k")
    await person.page.get_by_role("combobox", name="Search titles and messages").fill("window")
    await expect(person.results.first).to_be_visible()
    await person.page.keyboard.press("Escape")
    await person.page.reload()
    answer = await person.finished()
    await expect(answer).to_contain_text("window.owned = 1")

    assert await person.page.evaluate("window.owned") is None
    assert await person.page.evaluate("document.baseURI") == person.page.url
    log = person.page.get_by_role("log")
    forbidden = "script, img, svg:not(.icon), iframe, meta, base, link, style, form, math, object, embed, [style*=url], [onerror], [onload], [id]"
    assert await log.locator(forbidden).count() == 0
    links = await log.locator("a[href]").evaluate_all("links => links.map(link => [link.href, link.rel])")
    assert links
    for href, rel in links:
        assert href.startswith(("http://", "https://", "mailto:")), href
        assert {"noopener", "noreferrer", "nofollow"} <= set(rel.split())
    if not bypass:
        assert [line for line in complaints if "Content Security Policy" in line] == []


async def test_a_hostile_title_is_only_a_title(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    title = '<img src=x onerror="window.owned=1">"><script>window.owned=2</script>'
    await app.http.post("/api/threads", json={"id": "t", "title": title})
    person = await open_page(f"{app.url}/t/t")
    await expect(person.list.get_by_role("link", name=title)).to_be_visible()
    assert await person.page.evaluate("window.owned") is None


async def test_a_link_shows_where_it_really_leads(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    text = "[https://bank.example/login](https://evil.example/login)"
    sim.script(Reply(text=text, thinking=""))
    person = await open_page(app.url)
    await person.say("Where do I log in?")
    answer = await person.finished()
    await expect(answer.get_by_role("link")).to_contain_text("evil.example")
