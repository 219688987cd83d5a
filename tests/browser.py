"""A headless Chromium, driven by selenium through Debian's driver: nothing is fetched for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from processes import HANGS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


@cache
def why_not() -> str | None:
    """What is missing for tests in a browser; None where they can run."""
    if CHROMIUM is None or DRIVER is None:
        return "chromium and chromedriver are not installed"
    return None if find_spec("selenium") else "selenium is not installed: python -m pip install 'diffexplore[browser]'"


@contextmanager
def open_browser() -> Iterator[Any]:
    """A driver whose logs hold what the console says, and every event of the network."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for option in _OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(HANGS)
    driver.set_page_load_timeout(HANGS)
    try:
        yield driver
    finally:
        driver.quit()


#: Until the page of that address is complete, and every plot of it is drawn.
_DRAWN = """
const [address, done] = arguments;
const missing = ".live-plot:not(.js-plotly-plot), figure[data-figure] .plot:not(.js-plotly-plot)";
const look = () => location.href === address && document.readyState === "complete" && !document.querySelector(missing)
  ? done() : setTimeout(look, 20);
look();
"""


def opened(driver: Any, page: Path) -> None:
    """Opens a file, and waits until it is drawn: a busy machine takes its time."""
    driver.get(page.as_uri())
    driver.execute_async_script(_DRAWN, page.as_uri())


def console(driver: Any) -> list[str]:
    """What the console has said since the last look."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requests(driver: Any) -> list[str]:
    """The addresses that were requested since the last look, but for data: and blob: URLs, which are in the page."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("data:", "blob:"))]


def look(driver: Any, *, width: int, height: int = 1200, dark: bool = False) -> None:
    """Sets the size of the page, and whether its reader prefers dark colours."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


#: For every element that has text of its own: how much its colour differs from what is behind it, in the terms of
#: WCAG 2.2 (1.4.3), and the text.
CONTRASTS = """
const channel = c => c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
const read = text => { const p = text.match(/[\\d.]+/g).map(Number); return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1]; };
const luminance = ([r, g, b]) => [r, g, b].map(c => channel(c / 255)).reduce((s, c, k) => s + c * [0.2126, 0.7152, 0.0722][k], 0);
const over = (top, below) => top.slice(0, 3).map((c, k) => c * top[3] + below[k] * (1 - top[3]));
const canvas = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
const ground = element => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(read(getComputedStyle(at).backgroundColor));
  return layers.reduceRight((below, top) => over(top, below), canvas);
};
const found = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || ['SCRIPT', 'STYLE', 'NOSCRIPT', 'OPTION'].includes(element.tagName)) continue;
  const box = element.getBoundingClientRect(), style = getComputedStyle(element);
  if (!box.width || !box.height || style.visibility === 'hidden') continue;
  const svg = element instanceof SVGElement, below = ground(element);
  const colour = over(read(svg ? style.fill : style.color), below);
  const [high, low] = [luminance(colour), luminance(below)].sort((p, q) => q - p);
  found.push([(high + 0.05) / (low + 0.05), element.textContent.trim().slice(0, 60)]);
}
return found;
"""
