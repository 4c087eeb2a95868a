"""Models on the Hugging Face Hub, by an address: `hf://owner/repository[@revision][/file]`."""

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from keras_lisr.basics.engines import ENGINES_OF_FILES
from keras_lisr.basics.extras import import_extra

PREFIX = "hf://"
DEFAULT_FILE = "model.npz"  # What `keras_lisr.zoo.push_to_hub` uploads.
ADDRESS = re.compile(r"hf://([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(.+))?")


def fetch(address: str) -> Path:
    """Downloads a file of the Hub into its cache, unless it is there; without a network, what is there is taken.

    Args:
        address: `hf://owner/repository`, a revision (branch, tag or commit) after an `@` and the file after a slash if
            they are not `main` and `model.npz`.

    Returns:
        The file in the cache. Its path names the commit. Beside an exported file lies what belongs to it.

    Raises:
        ValueError: If the address is none, there is no such file, or huggingface_hub is not installed.
    """
    if not (parts := ADDRESS.fullmatch(address)):
        raise ValueError(f"`model` must be hf://owner/repository[@revision][/file]. Received: model={address!r}")
    repository, revision, name = parts[1], parts[2], parts[3] or DEFAULT_FILE
    hub = import_extra("huggingface_hub", "hub")
    suffix = PurePosixPath(name).suffix
    beside = [f"{name}.json"] if suffix.lower() in ENGINES_OF_FILES else []
    if suffix.lower() == ".xml":
        beside.append(f"{name.removesuffix(suffix)}.bin")
    try:
        return [Path(_download(hub, repository, each, revision)) for each in (*beside, name)][-1]
    except Exception as error:  # Of the library that it asks by, too, which has changed.
        cause = " ".join(str(error).split())[:200]
        raise ValueError(
            f"`model` must be a file of the Hub, or in its cache. Received: model={address!r} ({cause})"
        ) from error


def _download(hub: Any, repository: str, name: str, revision: str | None) -> str:
    """The path of a file in the cache; what is not there and cannot be reached is not asked for again and again."""
    options: dict[str, Any] = {"repo_id": repository, "filename": name, "revision": revision}
    try:
        hub.get_hf_file_metadata(hub.hf_hub_url(**options))
    except Exception:
        with suppress(OSError, ValueError):
            return hub.hf_hub_download(**options, local_files_only=True)
        raise
    return hub.hf_hub_download(**options)
