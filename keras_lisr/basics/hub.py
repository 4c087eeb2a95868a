"""Models on the Hugging Face Hub, by an address: `hf://owner/repository[@revision][/file]`."""

import re
from pathlib import Path

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
        The file in the cache. Its path names the commit. Beside a `.tflite` file lies its sidecar.

    Raises:
        ValueError: If the address is none, there is no such file, or huggingface_hub is not installed.
    """
    if not (parts := ADDRESS.fullmatch(address)):
        raise ValueError(f"`model` must be hf://owner/repository[@revision][/file]. Received: model={address!r}")
    repository, revision, name = parts[1], parts[2], parts[3] or DEFAULT_FILE
    hub = import_extra("huggingface_hub", "hub")
    try:
        if name.endswith(".tflite"):
            hub.hf_hub_download(repository, f"{name}.json", revision=revision)
        return Path(hub.hf_hub_download(repository, name, revision=revision))
    except (OSError, ValueError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ValueError(
            f"`model` must be a file of the Hub, or in its cache. Received: model={address!r} ({cause})"
        ) from error
