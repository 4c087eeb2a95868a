"""The page in a browser, beside Python: `make test-page`.

KERAS_LISR_SCREENSHOTS=docs .venv/bin/python -m pytest -m slow tests/export/test_page_in_chromium.py -k screenshot makes
docs/page.jpg and docs/page_phone.jpg.
"""

import io
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from page_browser import Page, chromium, serving
from PIL import Image

from keras_lisr import zoo
from keras_lisr.export import export_model
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.pictures import PictureUpscaler, read_picture

SAMPLE = Path(__file__).parents[2] / "samples" / "lanterns.png"
ORIENTATION = 0x112

pytestmark = pytest.mark.slow


def pooling():
    """A network that pools over the picture."""
    low_resolution = keras.Input((None, None, 3))
    details = zoo.imdn(2, num_filters=16, num_blocks=1)(low_resolution)
    return keras.Model(low_resolution, near(low_resolution, details))


def near(low_resolution, details):
    """Untrained details on an enlarged picture: with nothing else, all of its colours would have to be corrected."""
    enlarged = keras.ops.depth_to_space(keras.ops.concatenate([low_resolution] * 4, axis=-1), 2)
    return enlarged + 0.1 * details


def strided():
    """A network that sees the picture at half its size."""
    low_resolution = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(low_resolution)
    features = keras.layers.Conv2D(48, 3, padding="same", activation="sigmoid")(features)
    return keras.Model(low_resolution, near(low_resolution, keras.ops.depth_to_space(features, 4)))


def draw(height, width):
    """Copies of the sample beside one another."""
    sample = np.array(Image.open(SAMPLE).convert("RGB"))
    return np.tile(sample, (-(-height // 160), -(-width // 240), 1))[:height, :width]


def save(name, folder):
    """A picture of each kind that the page has to keep."""
    path = folder / name
    match path.stem:
        case "large":
            Image.fromarray(draw(300, 420)).save(path)
        case "transparent":
            rows, columns = np.mgrid[:90, :120]
            alpha = np.clip(255 * (40 - np.hypot(rows - 45, columns - 60)) / 10, 0, 255).astype(np.uint8)
            Image.fromarray(np.dstack([draw(90, 120), alpha])).save(path)
        case "turned":
            exif = Image.Exif()
            exif[ORIENTATION] = 6
            Image.fromarray(draw(60, 90)).save(path, exif=exif, quality=95, subsampling=0)
        case "grey":
            Image.fromarray(draw(60, 90)).convert("L").save(path)
        case "tiny":
            Image.fromarray(draw(5, 3)).save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with the default preset."""
    folder = tmp_path_factory.mktemp("page") / "site"
    export_model(zoo.from_preset("imdn_x4"), folder, format="web", verify=False)
    return folder


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(downloads):
    with chromium(downloads) as driver:
        yield driver


@pytest.fixture(scope="module")
def address(folder):
    with serving(folder) as address:
        yield address


@pytest.fixture
def page(driver, address):
    page = Page(driver, address)
    page.open()
    return page


def compare(file, picture, network):
    """Makes sure that 99.9 % of the bytes in a file are those of Python, or the next ones."""
    expected = PictureUpscaler(network)(read_picture(picture)).pixels
    found = read_picture(file).pixels
    assert found.shape == expected.shape
    assert (np.abs(found.astype(int) - expected) <= 1).mean() >= 0.999
    return found.shape


@pytest.mark.parametrize("name", ["large.png", "transparent.png", "turned.jpg", "grey.png", "tiny.png"])
def test_the_picture_is_the_one_that_python_makes(page, folder, downloads, tmp_path, name):
    picture = save(name, tmp_path)
    file = page.upscale(picture, downloads)
    assert file.name == f"{picture.stem}_x4.png"
    height, width, _ = compare(file, picture, ExportedUpscaler(folder / "model.tflite"))
    assert page.status.startswith(f"{width} × {height} pixels in ") and page.status.endswith("threads")


@pytest.mark.parametrize("build", [pooling, strided])
def test_tiles_of_other_networks(driver, downloads, tmp_path, build):
    keras.utils.set_random_seed(0)
    sidecar = export_model(build(), tmp_path / "site", format="web", verify=False)
    path = tmp_path / "site" / "model.tflite"
    network = ExportedUpscaler(path, tile=24)
    beside = path.with_name("model.tflite.json")
    content = beside.read_text()
    with serving(tmp_path / "site") as address:
        page = Page(driver, address)
        page.open()
        memory = 2**29 if driver.execute_script("return navigator.deviceMemory") >= 8 else 2**28
        pixels = (24 + 2 * network.halo) ** 2
        beside.write_text(
            content.replace(f'"bytes_per_pixel": {sidecar.bytes_per_pixel}', f'"bytes_per_pixel": {memory / pixels}')
        )
        page.open()
        Image.fromarray(draw(71, 95)).save(tmp_path / "odd.png")
        file = page.upscale(tmp_path / "odd.png", downloads)
    assert network.count_tiles(71, 95) >= 6
    beside.write_text(content)
    compare(file, tmp_path / "odd.png", network)


def test_the_gpu_computes_the_same(folder, downloads, tmp_path):
    # No GPU here, but the same shaders, run by the processor. The page itself takes no such thing for a GPU.
    software = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader")
    with serving(folder) as address, chromium(downloads, *software) as driver:
        page = Page(driver, f"{address}?engine=webgpu")
        page.open()
        assert page.engine == "GPU"
        file = page.upscale(save("tiny.png", tmp_path), downloads)
        assert page.status.endswith("the GPU")
    compare(file, tmp_path / "tiny.png", ExportedUpscaler(folder / "model.tflite"))


def test_cancelling_stops_and_another_picture_follows(page, downloads, tmp_path):
    Image.fromarray(draw(1280, 1600)).save(tmp_path / "huge.png")
    page.choose(tmp_path / "huge.png")
    page.wait(lambda: page.find("tiles").text.startswith("1 of "))
    page.find("cancel").click()
    assert page.state == "empty" and page.status == "Cancelled."
    assert page.upscale(save("tiny.png", tmp_path), downloads).exists()


def test_bad_pictures_are_told_in_one_line(page, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (4000, 2100)).save(tmp_path / "large.png")
    for name, told in (("text.png", "text.png is not a picture"), ("large.png", "134 megapixels")):
        page.choose(tmp_path / name)
        page.wait(lambda told=told: told in page.status)
        assert page.state == "empty" and "\n" not in page.status
        assert page.find("status").get_attribute("class") == "wrong"


def test_it_works_offline_and_asks_nobody(driver, folder, downloads, tmp_path):
    with serving(folder) as address:
        page = Page(driver, address)
        page.open()
        page.requests()
        page.open()
    page.open()
    assert driver.execute_script("return crossOriginIsolated")
    page.find("sample").click()
    page.wait(lambda: page.state == "done")
    asked = page.requests()
    assert asked and all(request.startswith((address, f"blob:{address}")) for request in asked)


PASTE = """const data = new DataTransfer();
data.items.add(new File([await (await fetch("page/sample.png")).blob()], "a.b.png", { type: "image/png" }));
window.dispatchEvent(arguments[0] === "paste" ? new ClipboardEvent("paste", { clipboardData: data })
                                              : new DragEvent("drop", { dataTransfer: data }));"""


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_pictures_are_pasted_and_dropped(page, way):
    page.driver.execute_script(f"return (async () => {{ {PASTE} }})(...arguments)".replace("arguments[0]", f"'{way}'"))
    page.wait(lambda: page.state == "done")
    assert page.find("download").get_attribute("download") == "a.b_x4.png"


def test_the_slider_follows_keys_and_the_pointer(page):
    from selenium.webdriver import ActionChains

    def cut():
        return float(page.find("after").value_of_css_property("clip-path").rpartition(" ")[2].rstrip("%)"))

    page.find("sample").click()
    page.wait(lambda: page.state == "done")
    page.driver.switch_to.active_element.send_keys("\ue014")  # Arrow to the right.
    assert cut() == 50.5
    stage = page.find("stage")
    ActionChains(page.driver).move_to_element_with_offset(stage, 0, 0).click_and_hold().move_by_offset(
        int(stage.size["width"] / 4), 0
    ).release().perform()
    assert 74 <= cut() <= 76


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"), [("page", 1200, 840, "light"), ("page_phone", 390, 720, "dark")]
)
def test_screenshot(page, name, width, height, scheme):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page.open()
    page.find("sample").click()
    page.wait(lambda: page.state == "done")
    assert page.driver.execute_script("return document.documentElement.scrollWidth") == width
    if target := os.environ.get("KERAS_LISR_SCREENSHOTS"):
        screenshot = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
        screenshot.save(Path(target) / f"{name}.jpg", quality=90)
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
