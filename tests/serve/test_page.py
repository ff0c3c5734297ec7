"""The page in a real browser: every way to ask, and everything an answer offers."""

import base64
import json
import os
import shutil
import time

import pytest
from PIL import Image

from xret.serve.engine import Hit
from xret.serve.feedback import Feedback

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASTE = """(data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true }));
}"""
DROP = """(data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium (Debian: chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, listening, engine, tmp_path):
    """Open the page of a server; what the browser complains of fails the test."""
    complaints, pages = [], []

    def go(engines=None, width=1280, scheme="light", query="", ready="#k option", **bounds):
        port = listening(engines or [engine], Feedback(tmp_path / "told.jsonl"), **bounds)
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"http://127.0.0.1:{port}/{query}")
        page.wait_for_selector(ready, state="attached")
        pages.append(page)
        return page

    yield go
    for page in pages:
        page.close()
    expected = ("404", "401", "422", "429")  # told on the page; Chromium lists them all the same
    assert not [text for text in complaints if not any(status in text for status in expected)]


def until(page, expression):
    """Wait until an expression is true; playwright's own waiting would need what the page's policy forbids."""
    end = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)


def ids(page, side=""):
    return page.locator(f"{side} .card .id").all_inner_texts()


def asked(page, query):
    page.fill("#query", query)
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")


def picture(folder, text):
    """Keep a screenshot where somebody wants to look at it."""
    if kept := os.environ.get("XRET_PICTURES"):
        folder.screenshot(path=f"{kept}/serve-{text}.png")


def test_a_text_gives_a_grid_with_pictures_scores_captions_and_times(visit):
    page = visit()
    asked(page, "something blue")
    assert ids(page)[0] == "blue"
    assert len(ids(page)) == 10
    first = page.locator(".card").first
    assert first.locator(".caption").inner_text() == "a blue square"
    assert "0.980" in first.locator(".score").inner_text()
    until(page, "document.querySelector('.card img').naturalWidth === 256")
    assert "encode 1.0 · search 0.5" in page.inner_text(".times")
    assert page.inner_text("#status").startswith("10 results in")
    picture(page, "text")


def test_filters_and_the_number_of_results_ask_again(visit):
    page = visit()
    asked(page, "blue")
    page.select_option("[data-filter=warmth]", "warm")
    until(page, "document.querySelectorAll('.card').length === 5")
    assert set(ids(page)) == {"red", "yellow", "orange", "pink", "brown"}
    page.select_option("[data-filter=warmth]", "")
    page.select_option("#k", "20")
    until(page, "document.querySelectorAll('.card').length === 12")


def test_a_picture_that_is_chosen_dropped_or_pasted_is_the_query(visit, png, tmp_path):
    page = visit()
    Image.new("RGB", (30, 20), "yellow").save(tmp_path / "y.jpg")
    page.set_input_files("#file", tmp_path / "y.jpg")
    page.wait_for_selector(".card")
    assert ids(page)[0] == "yellow"
    assert page.locator("#asked").is_visible()
    for script, colour in ((PASTE, "purple"), (DROP, "pink")):
        page.evaluate(script, base64.b64encode(png(colour)).decode())
        until(page, f"document.querySelector('.card .id').textContent === '{colour}'")
    assert page.locator(".acts .right").count() == 0  # a picture and an item make no pair
    page.set_input_files("#file", {"name": "s.svg", "mimeType": "image/svg+xml", "buffer": SVG})
    until(page, "document.querySelector('.card .id').textContent === 'green'")
    page.click("#clear")
    assert page.locator("#asked").is_hidden()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="green"/></svg>'


def test_what_is_no_picture_is_told(visit):
    page = visit()
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.wait_for_selector("#status.problem")
    assert page.inner_text("#status") == "undecodable"


def test_two_indices_stand_side_by_side_or_one_alone(visit, colours):
    page = visit([colours("one"), colours("two", backwards=True)])
    asked(page, "red")
    assert page.locator(".side h2").all_inner_texts() == ["one", "two"]
    assert (ids(page, ".side:nth-child(1)")[0], ids(page, ".side:nth-child(2)")[0]) == ("red", "navy")
    left, right = (page.locator(".side").nth(i).bounding_box() for i in (0, 1))
    assert left["x"] + left["width"] <= right["x"]
    assert left["y"] == right["y"]
    picture(page, "two")
    page.uncheck("#beside")
    until(page, "document.querySelectorAll('.side').length === 1")


def test_why_shows_the_heat_and_the_words(visit):
    page = visit()
    asked(page, "red thing")
    page.locator("button.why").first.click()
    page.wait_for_selector("#why-body img")
    assert page.locator("#why-body img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    assert page.locator(".words li").all_inner_texts() == ["red+0.300", "thing\N{MINUS SIGN}0.100"]
    colours = page.locator(".words li").evaluate_all("all => all.map(li => getComputedStyle(li).backgroundColor)")
    assert len(set(colours)) == 2
    picture(page, "why")
    page.keyboard.press("Escape")
    assert page.locator("#why").is_hidden()


def test_right_and_wrong_are_kept_with_query_and_item(visit, tmp_path):
    page = visit()
    asked(page, "red")
    page.locator("button.right").first.click()
    page.wait_for_selector(".card.right")
    page.locator("button.wrong").nth(1).click()
    page.wait_for_selector(".card.wrong")
    assert page.locator("button.right").first.get_attribute("aria-pressed") == "true"
    kept = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert [(row["verdict"], row["query"], row["group"]) for row in kept] == [
        ("right", "red", "red"),
        ("wrong", "red", "green"),
    ]


def test_everything_can_be_done_by_keyboard(visit, tmp_path):
    page = visit()
    page.keyboard.type("red")  # the box has the focus from the start
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    page.keyboard.press("ArrowDown")
    across = page.locator(".grid").evaluate("grid => getComputedStyle(grid).gridTemplateColumns.split(' ').length")
    focused = "document.activeElement.querySelector('.id')?.textContent"
    assert page.evaluate(focused) == "red"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "green"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == ids(page)[1 + across]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("r")
    page.wait_for_selector(".card.right")
    page.keyboard.press("Enter")
    page.wait_for_selector("#why-body img")
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == ids(page)[1 + across]
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("two", [False, True], ids=["one", "two"])
def test_it_fits_a_phone_and_can_be_read_in_both_schemes(visit, colours, scheme, two):
    page = visit([colours("one"), colours("two")] if two else None, width=360, scheme=scheme)
    asked(page, "red")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator("button:visible").evaluate_all(
        "all => all.filter(b => b.getBoundingClientRect().height < 40).length"
    )
    assert small == 0
    for part in ("body", ".caption", ".times", "#status", "#go", "h1"):
        assert contrast(page, part) >= 4.5, part
    picture(page, f"phone-{scheme}-{'two' if two else 'one'}")


def contrast(page, part):
    """The WCAG contrast of a text and what lies behind it."""
    ink, ground = page.locator(part).first.evaluate(
        """node => {
          const ink = getComputedStyle(node).color;
          while (node && getComputedStyle(node).backgroundColor === "rgba(0, 0, 0, 0)") node = node.parentElement;
          return [ink, getComputedStyle(node).backgroundColor];
        }"""
    )

    def light(colour):
        parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05

    return max(light(ink), light(ground)) / min(light(ink), light(ground))


def test_a_token_is_asked_for_once(visit):
    page = visit(token="right-token", ready="#token[open]")
    for token in ("wrong-token", "right-token"):
        page.fill("#token-value", token)
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#token-value').value !== 'wrong-token'")
    until(page, "!document.querySelector('#token').open")
    asked(page, "red")
    until(page, "document.querySelector('.card img').naturalWidth === 256")


def test_what_is_asked_before_the_page_is_ready_is_asked_then(visit):
    page = visit()
    page.route("**/api/facts", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.goto(page.url, wait_until="commit")
    asked(page, "blue")
    assert ids(page)[0] == "blue"


def test_a_link_with_a_query_asks_it(visit):
    page = visit(query="?q=some%20pink")
    page.wait_for_selector(".card")
    assert ids(page)[0] == "pink"


def test_a_busy_server_is_told_and_the_page_goes_on(visit, engine):
    page = visit(rate_per_s=0.01, burst=1)
    asked(page, "red")
    page.fill("#query", "blue")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status.problem")
    assert "too many requests" in page.inner_text("#status")


def test_a_caption_is_text_and_nothing_else(visit, engine):
    evil = "<img src=x onerror='document.title=1'><script>document.title=2</script>"
    engine._one = lambda ask: [Hit("a", 0.5, evil, 0, True)]
    page = visit()
    asked(page, "red")
    assert page.locator(".caption").first.inner_text() == evil
    assert page.title() == "xret"
