"""A page that upscales pictures in its visitor's own browser: static files that any web server can host."""

import base64
import hashlib
import os
import shutil
import tarfile
import urllib.request
from pathlib import Path

from keras_lisr.basics.whole_files import reason, write_whole

PAGE = Path(__file__).with_name("web")
REGISTRY = "https://registry.npmjs.org/@litertjs"  # Of npm.
SECONDS = 60  # Without an answer of the registry.
VERSION = "2.5.3"  # Others may have other files and another interface.
PACKAGES = {  # SHA-512, as npm writes it.
    "core": "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
    "wasm-utils": "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
}
# With and without threads, and for browsers without relaxed SIMD.
BUILDS = ("litert_wasm_internal", "litert_wasm_threaded_internal", "litert_wasm_compat_internal")
FILES = {
    "core": {
        "litert.js": "dist/index.js",
        **{f"{build}.{kind}": f"wasm/{build}.{kind}" for build in BUILDS for kind in ("js", "wasm")},
    },
    "wasm-utils": {"wasm-utils.js": "dist/bundle.js"},
}


def write_page(folder: Path) -> None:
    """Writes all that a page consists of but the model and its sidecar into a new folder.

    Raises:
        OSError: If LiteRT.js is not in the cache and cannot be downloaded, or a file cannot be written.
    """
    archives = {package: fetch_package(package) for package in FILES}
    shutil.copytree(PAGE, folder)
    (folder / "runtime").mkdir()
    for package, files in FILES.items():
        with tarfile.open(archives[package]) as archive:
            for name, member in files.items():
                content = archive.extractfile(f"package/{member}")
                assert content is not None, member
                # In a worker, a module has to say where the other one lies.
                relative = content.read().replace(b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"')
                (folder / "runtime" / name).write_bytes(relative)


def fetch_package(package: str) -> Path:
    """Downloads a package of LiteRT.js, unless it is in the cache.

    Returns:
        The archive, in the folder `keras_lisr` of `$XDG_CACHE_HOME` or `~/.cache`.

    Raises:
        OSError: If it cannot be downloaded, or another file came.
    """
    name = f"{package}-{VERSION}.tgz"
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras_lisr" / name
    if path.exists() and hash_of(path.read_bytes()) == PACKAGES[package]:
        return path
    address = f"{REGISTRY}/{package}/-/{name}"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            content = answer.read()
    except OSError as error:
        raise OSError(
            f"{address} must be within reach the first time that a page is made, or the file be put to {path}. "
            f"Received: {reason(error)}"
        ) from error
    if (found := hash_of(content)) != PACKAGES[package]:
        raise OSError(f"{address} must have the SHA-512 {PACKAGES[package]}. Received: {found}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial:
        partial.write_bytes(content)
    return path


def hash_of(content: bytes) -> str:
    """Returns the SHA-512 as npm writes it."""
    return base64.b64encode(hashlib.sha512(content).digest()).decode()
