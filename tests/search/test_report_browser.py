"""The report in headless Chromium: no console message, everything drawn, on desktop and phone, light and dark."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from vnasdsl.runs.folder import RunReader
from vnasdsl.runs.report import report_html

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="there is no chromium to open the report in (apt-get install chromium)"
    ),
]
PROBE = """<script>addEventListener("load", () => setTimeout(() => {
  const blank = [...document.querySelectorAll("canvas")].filter((canvas) => {
    const pixels = canvas.width && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return !pixels || !pixels.some((value) => value);
  });
  const plots = document.querySelectorAll(".uplot").length;
  document.title = JSON.stringify([document.documentElement.scrollWidth, innerWidth, blank.length, plots]);
}, 300));</script></body>"""


@pytest.fixture(scope="module")
def page(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    shutil.copytree(searched, file.parent / "other")
    html = report_html([RunReader(searched), RunReader(file.parent / "other")])
    file.write_text(html.replace("</body>", PROBE), encoding="utf-8")
    return file


def opened(page: Path, folder: Path, *arguments: str) -> tuple[str, str]:
    """What Chromium prints, and its log."""
    assert CHROMIUM is not None
    settings = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")
    command = [
        CHROMIUM,
        *settings,
        f"--user-data-dir={folder}",
        "--virtual-time-budget=4000",
        *arguments,
        page.as_uri(),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return result.stdout, result.stderr


@pytest.mark.parametrize("width", [1280, 390])
def test_everything_is_drawn_without_a_message(page: Path, width: int, tmp_path: Path) -> None:
    dom, log = opened(page, tmp_path, f"--window-size={width},900", "--dump-dom")
    assert "CONSOLE" not in log, log
    numbers = re.search(r"<title>\[(\d+),(\d+),(\d+),(\d+)\]</title>", dom)
    assert numbers is not None, dom[:2000]
    wide, window, blank, plots = map(int, numbers.groups())
    assert wide <= window, "the page is wider than the window"
    assert blank == 0 and plots == dom.count('class="chart"') > 0


def test_it_follows_the_scheme_of_the_system(page: Path, tmp_path: Path) -> None:
    grounds = []
    for number, arguments in enumerate(((), ("--blink-settings=preferredColorScheme=0",))):
        picture = tmp_path / f"{number}.png"
        opened(page, tmp_path, "--window-size=1280,900", f"--screenshot={picture}", *arguments)
        pixels = matplotlib.image.imread(picture)[..., :3]
        grounds.append(np.median(pixels))
    assert grounds[0] > 0.9 and grounds[1] < 0.2
