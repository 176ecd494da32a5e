"""A real browser, Debian's chromium, that keeps whatever a page should not do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@dataclass(slots=True)
class Watched:
    """A page, and what was seen of it: errors, dialogs, requests that left this host, other windows."""

    page: Page
    host: str
    wrong: list[str] = field(default_factory=list)

    async def text(self, selector: str) -> str:
        return (await self.page.inner_text(selector)).strip()

    async def number(self, selector: str) -> float:
        """The first number of a text, as a person reads it."""
        word = (await self.text(selector)).split()[0]
        return float(word.replace(",", ""))


@asynccontextmanager
async def browser(url: str, **context: Any) -> AsyncIterator[Watched]:
    """A fresh browser that belongs to `url`; `context` are its width, scheme and so on."""
    async with async_playwright() as tool:
        chromium = await tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = await (await chromium.new_context(**context)).new_page()
        watched = Watched(page, urlsplit(url).netloc)
        _watch(watched)
        await page.goto(url)
        yield watched
        await chromium.close()


def _watch(one: Watched) -> None:
    def request(sent: Any) -> None:
        if urlsplit(sent.url).netloc != one.host:
            one.wrong.append(f"request to {sent.url}")

    async def dialog(shown: Any) -> None:
        one.wrong.append(f"dialog {shown.message}")
        await shown.dismiss()

    one.page.on("request", request)
    one.page.on("dialog", dialog)
    one.page.on("pageerror", lambda error: one.wrong.append(f"error {error}"))
    one.page.on("popup", lambda _: one.wrong.append("popup"))
    one.page.on(
        "console",
        lambda said: one.wrong.append(f"console {said.text}") if said.type in {"error", "warning"} else None,
    )
