"""Takes pictures of pages in a headless Chromium: ``python docs/screenshots.py`` (needs the extra ``browser``).

docs/images/explore.png is the live section of the fit of docs/explore.md: as it opens, and close to the minimum.
docs/images/page.png is the top of the page of a report.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

import diffexplore as dx

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from browser import look, open_browser

IMAGES = Path(__file__).parent / "images"
WIDTH, COLOURS = 1040, 96


def main() -> None:
    """Opens the pages and writes the pictures."""
    page = dx.fit("perpendicular").explore().to_html()
    report = dx.check("perpendicular").to_html()
    with tempfile.TemporaryDirectory() as folder, open_browser() as driver:
        place = Path(folder) / "page.html"
        place.write_text(page, encoding="utf-8")
        look(driver, width=WIDTH, height=1600)
        driver.get(place.as_uri())
        save(driver, ".live", IMAGES / "explore.png", 885)
        driver.execute_async_script(
            """const done = arguments[0], choice = document.querySelector('[data-part=window]');
            choice.value = '1'; choice.dispatchEvent(new Event('change'));
            requestAnimationFrame(() => requestAnimationFrame(done));"""
        )
        save(driver, ".live figure", IMAGES / "explore-minimum.png")
        place.write_text(report, encoding="utf-8")
        look(driver, width=WIDTH, height=1600)
        driver.get(place.as_uri())
        save(driver, "body", IMAGES / "page.png", 960)


def save(driver: Any, selector: str, path: Path, height: int | None = None) -> None:
    """A picture of the first element that ``selector`` finds, or of its upper part, in few colours."""
    picture = Image.open(io.BytesIO(driver.find_element("css selector", selector).screenshot_as_png)).convert("RGB")
    picture = picture if height is None else picture.crop((0, 0, picture.width, height))
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB, {picture.width} × {picture.height}")


if __name__ == "__main__":
    main()
