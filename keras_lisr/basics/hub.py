"""Downloads models from the Hugging Face Hub: `hf://owner/repository[@revision][/file]`."""

import re
from pathlib import Path

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
        Path of the file in the cache, which names the commit. A `.tflite` file has its sidecar beside it.

    Raises:
        ValueError: If the address is malformed, the file does not exist, or huggingface_hub is not installed.
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
