"""The page in a browser: Debian's Chromium, without a window.

KERAS_LISR_SCREENSHOT=docs/demo.png .venv-demo/bin/python -m pytest -m slow tests/demo/test_page.py makes it.
"""

import io
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SAMPLE = Path(__file__).parents[2] / "samples" / "lanterns.png"
WINDOW = (840, 1110)
COLORS = 128  # What keeps the screenshot small.
MOST_BYTES = 200_000

pytestmark = pytest.mark.slow


class Browser:
    """The page, by what people see of it."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def upload(self, path):
        self.find("#picture input[type=file]").send_keys(str(path))

    def press(self, name):
        self.wait(lambda: self.find(f"#{name}").is_enabled())
        self.find(f"#{name}").click()

    def read_note(self):
        return self.find("#status textarea").get_attribute("value")

    def images(self):
        """Natural sizes of the pictures in the slider, once they are loaded."""
        images = self.driver.find_elements("css selector", "#comparison img")
        found = [[image.get_property(name) for name in ("naturalWidth", "naturalHeight", "src")] for image in images]
        return [image for image in found if image[0]]

    def wait(self, condition, seconds=120):
        """What a condition gives as soon as it gives anything."""
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except (NoSuchElementException, StaleElementReferenceException):  # The page is still being made.
                pass
            time.sleep(0.1)
        raise TimeoutError(f"{condition} after {seconds} s; the page says: {self.find('body').text}")

    def wait_for_text(self, text, selector="body"):
        return self.wait(lambda: text in self.find(selector).text)

    def open(self, address):
        self.driver.get(address)
        self.wait(lambda: self.find("#picture input[type=file]"))

    def requests(self):
        """Addresses that the browser has asked since the last time."""
        entries = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [entry["params"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]
        return [parameters["request"]["url"] for parameters in sent]


@pytest.fixture(scope="module")
def driver():
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("Chromium is not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={WINDOW[0]},{WINDOW[1]}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver, real_server):
    browser = Browser(driver)
    browser.open(real_server)
    return browser


@pytest.fixture
def large(tmp_path):
    """File of a picture that takes a while: 30 tiles."""
    noise = np.random.default_rng(0).integers(0, 256, (1280, 1536, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    return tmp_path / "large.png"


def test_a_picture_is_compared_with_bicubic(browser, real_server):
    browser.upload(SAMPLE)
    browser.wait(lambda: browser.read_note() == "240 x 160 pixels")
    browser.press("upscale")
    bicubic, network = browser.wait(lambda: len(found := browser.images()) == 2 and found)
    assert bicubic[:2] == network[:2] == [960, 640]
    assert {Path(source).name for *_, source in (bicubic, network)} == {"lanterns_bicubic.png", "lanterns_x4.png"}
    assert browser.read_note().startswith("960 x 640 pixels by imdn_x4 in ")
    browser.wait(lambda: browser.find("#upscale").is_enabled() and not browser.find("#cancel").is_enabled())

    screenshot = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    slider = browser.find("#comparison").rect
    assert slider["y"] + slider["height"] <= screenshot.height
    written = io.BytesIO()
    screenshot.quantize(COLORS).save(written, "PNG", optimize=True)
    assert len(written.getvalue()) < MOST_BYTES
    if path := os.environ.get("KERAS_LISR_SCREENSHOT"):
        Path(path).write_bytes(written.getvalue())

    asked = [address for address in browser.requests() if not address.startswith(("data:", "blob:"))]
    assert asked and all(address.startswith(f"{real_server}/") for address in asked)
    refused = [entry["message"] for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not refused


def test_scale_offers_its_models(browser):
    browser.upload(SAMPLE)
    browser.find("#scale label:first-of-type input").click()
    browser.wait(lambda: browser.find("#model input").get_attribute("value") == "imdn_x2")
    browser.press("upscale")
    browser.wait(lambda: browser.read_note().startswith("480 x 320 pixels by imdn_x2 in "))


def test_progress_is_seen_and_cancelling_stops(browser, large):
    browser.upload(large)
    browser.wait(lambda: browser.read_note() == "1536 x 1280 pixels")
    browser.press("upscale")
    browser.wait_for_text("2/30 tiles", "#comparison")
    browser.press("cancel")
    browser.wait(lambda: browser.read_note().startswith("Cancelled after "))
    assert browser.read_note().endswith(" of 30 tiles.") and not browser.images()
    browser.find("#picture button[aria-label='Clear'], #picture button[aria-label='Remove this file']").click()
    upscales_sample(browser)


def test_closing_the_page_cancels(browser, real_server, large):
    browser.upload(large)
    browser.press("upscale")
    browser.wait_for_text("1/30 tiles", "#comparison")
    browser.driver.get("about:blank")
    browser.open(real_server)
    upscales_sample(browser)  # Only one picture is upscaled at a time: the large one would have been in its way.


def upscales_sample(browser, seconds=20):
    start = time.monotonic()
    browser.upload(SAMPLE)
    browser.wait(lambda: browser.read_note() == "240 x 160 pixels")
    browser.press("upscale")
    browser.wait(lambda: browser.read_note().startswith("960 x 640 pixels"))
    assert time.monotonic() - start < seconds
