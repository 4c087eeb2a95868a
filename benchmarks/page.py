"""How long the page of `keras-lisr export --format web` takes for a picture, beside UpscalerJS's esrgan-slim.

Both run in the same Chromium, one after the other, from the file of a picture to the file of the result, x4. The first
round of each warms up, and the table gives the median of the others. UpscalerJS runs on the backend of TensorFlow.js
that it comes with (on a machine without GPU, Chromium computes WebGL by software) and on the faster one that has to be
asked for, WebAssembly with SIMD and threads. Needs npm, Chromium and Selenium.

    python -m benchmarks.page
    python -m benchmarks.page photo.jpg --models carn_x4 --backends wasm --rounds 5
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "upscaler@1.0.0",
    "@upscalerjs/esrgan-slim@1.0.0",
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-backend-wasm@4.22.0",
)
BACKENDS = ("wasm", "webgl")
HARNESS = """<!doctype html><meta charset="utf-8"><title>UpscalerJS</title>
<script src="node_modules/@tensorflow/tfjs/dist/tf.min.js"></script>
<script src="node_modules/@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js"></script>
<script src="node_modules/upscaler/dist/browser/umd/upscaler.min.js"></script>
<script src="node_modules/@upscalerjs/esrgan-slim/dist/umd/models/esrgan-slim/src/x4/index.min.js"></script>
<script>
const seconds = [];
async function measure(backend, rounds) {
  tf.wasm.setWasmPaths("node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  await tf.setBackend(backend);
  const path = "node_modules/@upscalerjs/esrgan-slim/models/x4/model.json";
  const upscaler = new Upscaler({ model: { ...ESRGANSlim4x, path } });
  await upscaler.ready;
  for (let i = 0; i <= rounds; i++) {
    const begin = performance.now();
    await (await fetch(await upscaler.upscale("picture"))).blob();
    seconds.push((performance.now() - begin) / 1000);
  }
}
</script>
"""
MEASURE = "measure(arguments[0], arguments[1]).catch((error) => seconds.push(String(error)))"


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", type=Path, default=ROOT / "samples" / "lanterns.png")
    parser.add_argument("--models", nargs="*", default=("imdn_x4", "fsrcnn_x4"))
    parser.add_argument("--backends", nargs="*", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60, help="seconds for all rounds of one backend")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from page_browser import Page, chromium, serving
    from selenium.common.exceptions import WebDriverException
    from urllib3.exceptions import HTTPError

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for model in arguments.models:
            export = ["export", model, "-o", folder / model, "--format", "web", "--no-verify"]
            subprocess.run([sys.executable, "-m", "keras_lisr", *export], check=True, capture_output=True)
        install = ["npm", "install", "--silent", "--legacy-peer-deps", "--ignore-scripts", *PACKAGES]
        subprocess.run(install, check=True, cwd=folder, capture_output=True)
        shutil.copy(arguments.picture, folder / "picture")
        (folder / "index.html").write_text(HARNESS)
        measured = {}
        # The page's service worker adds what threads need to the page alone.
        with serving(folder, isolated=True) as address, chromium(folder) as driver:
            driver.command_executor.client_config.timeout = arguments.limit
            for model in arguments.models:
                page = Page(driver, f"{address}{model}/")
                page.open()
                seconds = []
                for _ in range(arguments.rounds + 1):
                    page.choose(arguments.picture.absolute())
                    page.wait(lambda page=page: page.status.endswith(page.engine), arguments.limit)
                    seconds.append(float(page.status.split(" s on ")[0].rpartition(" ")[2]))
                    driver.execute_script("document.getElementById('status').textContent = ''")
                measured[f"this page, {model}, {page.engine}"] = seconds
            for backend in arguments.backends:
                driver.get(address)
                driver.execute_script(MEASURE, backend, arguments.rounds)
                found = []
                end = time.monotonic() + arguments.limit
                with suppress(HTTPError, WebDriverException):  # A page that computes may not even answer this.
                    while len(found) <= arguments.rounds and str not in map(type, found) and time.monotonic() < end:
                        time.sleep(0.1)
                        found = driver.execute_script("return seconds")
                measured[f"UpscalerJS, esrgan-slim, {backend}"] = found
    width = max(map(len, measured))
    for name, found in measured.items():
        if len(found) == arguments.rounds + 1:
            text = f"{statistics.median(found[1:]):6.2f} s (first {found[0]:.2f} s)"
        else:
            text = f"no {arguments.rounds + 1} rounds in {arguments.limit:g} s: {found}"
        print(f"{name:{width}}  {text}")


if __name__ == "__main__":
    main()
