"""The page in a real browser, opened from its file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page import made
from tests.page.conftest import Written

KINDS = ("classes", "images", "values", "double")
SECTIONS = (
    "Honest score", "Champion", "Leaderboard", "Optimisation history", "Importance", "Slices", "Parallel coordinates",
    "Learning curves", "Settings", "Versions",
)  # fmt: skip
OF_KIND = {
    "classes": ("Confusion matrix, validation rows", "Misclassified validation rows", "Trials that failed or diverged"),
    "images": ("Confusion matrix, validation rows", "Misclassified validation images"),
    "values": ("Residuals, validation rows", "Largest errors, validation rows"),
    "double": ("Pareto front",),
}
Look = Callable[..., Any]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium without a window, that asks the network for nothing by itself."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("there is no Chromium with its chromedriver here; `make browser` installs one")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def look(browser: Any, page: Written) -> Look:
    """Opens the page of a search at a width, in light or dark, on screen or on paper."""

    def looked(kind: str, width: int = 1400, scheme: str = "light", media: str = "screen", test: bool = False) -> Any:
        browser.get("about:blank")
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        for log in ("browser", "performance"):
            browser.get_log(log)  # what was said of the page before
        browser.get(page(kind, test).as_uri())
        return browser

    return looked


def headings(browser: Any) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll('h2')].map(each => each.textContent)")


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_without_an_error_and_without_a_request(look: Look, page: Written, kind: str) -> None:
    browser = look(kind)
    assert browser.get_log("browser") == []
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page(kind).as_uri()]
    assert set(headings(browser)) >= {*SECTIONS, *OF_KIND[kind]}
    assert browser.execute_script("return window.broken") is None


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("kind", KINDS)
def test_only_boxes_scroll_sideways(look: Look, kind: str, width: int) -> None:
    browser = look(kind, width, test=True)
    shown = browser.execute_script("return document.documentElement.clientWidth")  # without the bar at the side
    assert width - 20 <= shown <= width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= shown
    boards = browser.execute_script("return document.querySelector('#leaderboard .scroll').scrollWidth")
    assert (boards > width) == (width == 390), "the leaderboard itself is wider than a phone"


@pytest.mark.parametrize("width", [390, 1400])
def test_each_figure_is_shown_once_and_within_its_card(look: Look, width: int) -> None:
    browser = look("double", width)
    shown = "return [...document.querySelectorAll('#history svg')].filter(each => each.getClientRects().length).length"
    assert browser.execute_script(shown) == 1
    outside = """
    const found = [];
    for (const text of document.querySelectorAll("svg.plot text")) {
      const own = text.getBoundingClientRect(), all = text.closest("svg").getBoundingClientRect();
      if (own.width && (own.left < all.left - 2 || own.right > all.right + 2 || own.bottom > all.bottom + 2))
        found.push([text.closest("section").id, text.textContent]);
    }
    return found;
    """
    assert browser.execute_script(outside) == []


def test_a_click_on_a_column_sorts_the_leaderboard_and_another_turns_it_round(look: Look) -> None:
    browser = look("values")
    read = "return [...document.querySelectorAll('#leaderboard tbody tr')].map(row => +row.cells[1].textContent)"
    press = "document.querySelectorAll('#leaderboard thead th')[1].querySelector('button').click()"
    before = browser.execute_script(read)
    assert before != sorted(before)
    browser.execute_script(press)
    assert browser.execute_script(read) == sorted(before)
    browser.execute_script(press)
    assert browser.execute_script(read) == sorted(before, reverse=True)
    aria = "return document.querySelectorAll('#leaderboard thead th')[1].getAttribute('aria-sort')"
    assert browser.execute_script(aria) == "descending"


def test_a_mark_says_what_it_is_under_the_pointer(look: Look) -> None:
    browser = look("values")
    browser.execute_script(
        "document.querySelector('#history svg .mark').dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))"
    )
    tip = "const tip = document.getElementById('tip'); return [tip.hidden, tip.textContent]"
    hidden, said = browser.execute_script(tip)
    assert not hidden
    assert said.startswith("trial ")
    assert "val_rmse" in said


def test_the_page_is_dark_where_the_reader_wants_it_and_whole_on_paper(look: Look) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = look("classes").execute_script(ground)
    dark = look("classes", scheme="dark").execute_script(ground)
    assert light == "rgb(245, 246, 248)"
    assert dark == "rgb(15, 18, 22)"
    tall = "return [...document.querySelectorAll('.tall')].map(each => getComputedStyle(each).maxHeight)"
    assert set(look("classes").execute_script(tall)) != {"none"}
    assert set(look("classes", media="print").execute_script(tall)) == {"none"}
    boxes = "return [...document.querySelectorAll('#leaderboard .scroll, #validation-mistakes .scroll')]"
    cut = f"{boxes}.some(each => each.scrollWidth > each.clientWidth + 1)"
    assert look("classes", 720).execute_script(cut)
    assert not look("classes", 720, media="print").execute_script(cut), "on paper nothing can be scrolled"


def test_texts_from_data_are_shown_as_texts(look: Look, page: Written) -> None:
    browser = look("classes")
    said = browser.execute_script("return document.body.textContent")
    assert f"Traps {made.SCRIPT}" in said
    assert made.IMAGE in said
    assert browser.execute_script("return document.images.length") == 0
    assert browser.execute_script("return window.broken") is None


def test_the_policy_stops_a_script_that_is_not_ours(browser: Any, page: Written, tmp_path: Path) -> None:
    """What escaping is one defence against, the page's own policy is another."""
    text = page("values").read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace("<main>", f"<main>{made.SCRIPT}<img src=x onerror='window.broken = true'>"))
    browser.get(broken.as_uri())
    assert browser.execute_script("return window.broken") is None
    assert len(browser.get_log("browser")) >= 2
