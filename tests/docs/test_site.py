"""The documentation site as a reader sees it: the HTML that MkDocs builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.support import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
FENCED = re.compile(r"^(```+).*?^\1`*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) +(.+?)(?: *\{[^}]*\})?$", re.MULTILINE)


class Page(HTMLParser):
    """What a test asks of one HTML file: its text, headings, code, anchors and links."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.text = ""
        self.headings: list[tuple[int, str]] = []
        self.code: list[str] = []
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.anchors.update(value for name, value in attrs if name in ("id", "name") and value)
        self.links.extend(value for name, value in attrs if name in ("href", "src") and value)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag == "code":
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if {"script", "style"} & set(self._open):
            return
        self.text += data
        if "code" in self._open:
            self.code[-1] += data
        for tag in self._open:
            if re.fullmatch(r"h[1-6]", tag):
                level, heading = self.headings[-1]
                self.headings[-1] = (level, heading + data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once; a warning of MkDocs is an error."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def built(site: Path, source: Path) -> Page:
    return Page(site / "index.html" if source.stem == "index" else site / source.stem / "index.html")


def headings(source: Path) -> Iterator[tuple[int, str]]:
    """The headings of a Markdown file, as (level, text without markup)."""
    for marks, text in HEADING.findall(FENCED.sub("", source.read_text(encoding="utf-8"))):
        yield len(marks), text.replace("`", "")


@pytest.mark.parametrize("source", PAGES, ids=lambda page: page.stem)
def test_page(site: Path, source: Path) -> None:
    page = built(site, source)
    assert "```" not in page.text, "a code block is printed raw"
    assert not [code for code in page.code if "\\|" in code], "`\\|` does not survive pasting"
    found = [(level, text.removesuffix("¶").strip()) for level, text in page.headings]
    expected = list(headings(source))
    assert [heading for heading in found if heading in expected] == expected


def test_links_and_anchors_resolve(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # served at any depth, so its links are absolute
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = target.is_file() and (
                not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            )
            if not known:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken


def test_the_site_asks_no_other_host(site: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    assert not re.findall(r"<(?:script|img|link rel=\"(?:stylesheet|preconnect)\")[^>]*(?:src|href)=\"https?:", text)
