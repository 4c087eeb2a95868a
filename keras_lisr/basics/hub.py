"""Downloads models from the Hugging Face Hub: `hf://owner/repository[@revision][/file]`."""

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from keras_lisr.basics.engines import ENGINES_OF_FILES
from keras_lisr.basics.extras import import_extra

PREFIX = "hf://"
DEFAULT_FILE = "model.npz"  # File that `keras_lisr.zoo.push_to_hub` uploads.
ADDRESS = re.compile(r"hf://([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(.+))?")


def fetch(address: str) -> Path:
    """Downloads a file of the Hub into its cache. Without a network, a cached file is used.

    Args:
        address: `hf://owner/repository[@revision][/file]`. The revision is a branch, tag or commit, by default `main`;
            the file is by default `model.npz`.

    Returns:
        Path of the file in the cache, which names the commit. An exported file has its sidecar and weights beside it.

    Raises:
        ValueError: If the address is malformed, the file does not exist, or huggingface_hub is not installed.
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
    """Returns the path of a file in the cache; a Hub out of reach is asked once, not again and again."""
    options: dict[str, Any] = {"repo_id": repository, "filename": name, "revision": revision}
    try:
        hub.get_hf_file_metadata(hub.hf_hub_url(**options))
    except Exception:
        with suppress(OSError, ValueError):
            return hub.hf_hub_download(**options, local_files_only=True)
        raise
    return hub.hf_hub_download(**options)
