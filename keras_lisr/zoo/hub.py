"""Networks for others, on the Hugging Face Hub."""

import json
import tempfile
from pathlib import Path

from keras_lisr.basics.extras import import_extra
from keras_lisr.basics.hub import DEFAULT_FILE, PREFIX
from keras_lisr.zoo.network import SuperResolutionModel
from keras_lisr.zoo.storage import save_preset

CARD = """\
---
library_name: keras
pipeline_tag: image-to-image
tags:
- super-resolution
- keras_lisr
---

# {repository}

`{builder}` of keras_lisr for x{scale} super-resolution: {parameters:,} parameters, weights in float16.

```python
from keras_lisr.zoo import from_preset

model = from_preset("hf://{repository}")
upscaled = model.upscale(image)  # uint8 or uint16, (height, width, 3)
```

    keras-lisr upscale photo.jpg -n hf://{repository}

Built with:

```json
{arguments}
```

{text}
"""


def push_to_hub(model: SuperResolutionModel, repository: str, *, text: str = "", private: bool = False) -> str:
    """Uploads a network with a card to the Hugging Face Hub, where `from_preset` finds it.

    It takes the token of `hf auth login`, or of the variable HF_TOKEN.

    Args:
        model: As for `save_preset`.
        repository: `owner/name`; it is made if there is none.
        text: Markdown for the card: what the network was trained on and what it was measured at.
        private: Whether a new repository is.

    Returns:
        The address for `from_preset`, with the commit.

    Raises:
        ValueError: As `save_preset`, or if huggingface_hub is not installed; nothing is uploaded then.
        OSError: If the Hub refuses, or cannot be reached.

    Example:

        push_to_hub(model, "somebody/imdn-manga", text="Trained on 109 drawings; 31.2 dB on 20 others.")
    """
    hub = import_extra("huggingface_hub", "hub")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_preset(model, folder / DEFAULT_FILE)
        card = CARD.format(
            repository=repository,
            builder=model.builder,
            scale=model.scale,
            parameters=model.count_params(),
            arguments=json.dumps(model.arguments, indent=2),
            text=text,
        )
        (folder / "README.md").write_text(card, encoding="utf-8")
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repository, folder_path=folder, commit_message=f"{model.builder} of keras_lisr"
        )
    return f"{PREFIX}{repository}@{commit.oid}"
