import json
from functools import partial

import keras
import numpy as np
import pytest

from keras_lisr.data import pair_images
from keras_lisr.layers import GlobalAttentionBlock
from keras_lisr.training import Recipe, halving
from keras_lisr.training.run_record import record_start
from keras_lisr.zoo import imdn


@pytest.fixture
def recipe():
    return Recipe(
        build=partial(imdn, 4, ggas=partial(GlobalAttentionBlock, kernel_size=5), attention=None),
        scale=4,
        steps=10,
        learning_rate=1e-3,
        schedule=halving(every=0.2),
        loss=keras.losses.MeanAbsoluteError(reduction="mean"),
    )


IMAGES = pair_images([np.arange(48, dtype=np.uint8).reshape(4, 4, 3), np.zeros((4, 8, 3), np.uint8)], 4)


def test_a_start_is_written_out_in_full(recipe, tmp_path):
    record_start(tmp_path / "run.json", recipe, {"training": IMAGES}, seed=3)
    (record,) = json.loads((tmp_path / "run.json").read_text())
    assert record["seed"] == 3
    assert record["images"] == {"training": {"count": 2, "fingerprint": IMAGES.fingerprint(), "left_out": {}}}
    written = record["recipe"]
    assert written["build"] == {
        "function": "keras_lisr.zoo.imdn.imdn",
        "arguments": [4],
        "ggas": {"function": f"{GlobalAttentionBlock.__module__}.GlobalAttentionBlock", "kernel_size": 5},
        "attention": None,
    }
    assert written["schedule"] == {"function": "keras_lisr.training.schedules._halving", "arguments": [0.2]}
    assert (written["batch_size"], written["clip_norm"], written["learning_rate"]) == (16, None, 1e-3)
    assert keras.saving.deserialize_keras_object(written["loss"]).reduction == "mean"
    assert record["versions"]["keras"] == keras.__version__
    assert record["machine"]["backend"] == keras.backend.backend()


def test_every_start_is_kept_and_other_images_are_noticed(recipe, tmp_path, caplog):
    for seed, images in enumerate((IMAGES, IMAGES, IMAGES.select(["0"]))):
        record_start(tmp_path / "run.json", recipe, {"training": images}, seed=seed)
    assert [record["seed"] for record in json.loads((tmp_path / "run.json").read_text())] == [0, 1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "images" in message
