"""A page of static files in Debian's Chromium, without a window, as people see it."""

import functools
import http.server
import json
import shutil
import threading
import time
from contextlib import contextmanager

import pytest

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Answers as static hosts do, or with the headers that threads need, and says nothing."""

    def __init__(self, *arguments, isolated, **options):
        self.isolated = isolated
        super().__init__(*arguments, **options)

    def end_headers(self):
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def do_GET(self):  # noqa: N802
        if not self.server.closed:  # The browser keeps connections in store, which outlive it.
            super().do_GET()

    def log_message(self, *_):
        pass


@contextmanager
def serving(folder, isolated=False):
    """Address of a server for the files of a folder."""
    handler = functools.partial(Handler, directory=str(folder), isolated=isolated)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.closed = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.closed = True
        server.shutdown()
        server.server_close()


@contextmanager
def chromium(downloads, *arguments):
    """Selenium's driver of a new Chromium, which downloads into a folder."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    paths = shutil.which("chromium"), shutil.which("chromedriver")
    if not all(paths):
        pytest.skip("Chromium is not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for argument in (*ARGUMENTS, *arguments):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(paths[1]))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page that `keras-lisr export --format web` writes."""

    def __init__(self, driver, address):
        self.driver = driver
        self.address = address

    def open(self):
        self.driver.get(self.address)
        self.wait(lambda: self.engine)

    def find(self, name):
        return self.driver.find_element("id", name)

    @property
    def engine(self):
        return self.find_root().get_attribute("data-engine")

    def find_root(self):
        return self.driver.find_element("css selector", "html")

    @property
    def state(self):
        return self.find("stage").get_attribute("data-state")

    @property
    def status(self):
        return self.find("status").text

    def choose(self, path):
        self.find("file").send_keys(str(path))

    def upscale(self, path, downloads):
        """File that is downloaded in the end."""
        self.choose(path)
        self.wait(lambda: self.state == "done")
        name = self.find("download").get_attribute("download")
        (downloads / name).unlink(missing_ok=True)
        self.find("download").click()
        self.wait((downloads / name).exists)
        return downloads / name

    def wait(self, condition, seconds=120):
        """What a condition gives as soon as it gives anything."""
        from selenium.common.exceptions import WebDriverException

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except WebDriverException:  # The page is being loaded.
                pass
            time.sleep(0.05)
        body = self.driver.find_element("css selector", "body").text
        raise TimeoutError(f"{condition} after {seconds} s; the page says: {body}")

    def requests(self):
        """Addresses that the browser has asked since the last time."""
        entries = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [entry["params"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]
        return [parameters["request"]["url"] for parameters in sent]
