"""Every network, plain and with its strategies, in every quantization."""

import itertools
import os

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, STRATEGIES
from reference import assign_waves, picture

from keras_lisr.export import export_model, litert
from keras_lisr.export.litert_file import check_litert_file
from keras_lisr.export.verify import SIZES
from keras_lisr.exported import LiteRTNetwork, read_sidecar
from keras_lisr.zoo import smfanet

PICTURES = [np.rint(255 * picture(72, 90, 3, phase=phase)).astype(np.uint8) for phase in range(3)]
OPTIONS = {
    "none": {},
    "float16": {"quantize": "float16"},
    "int8": {"quantize": "int8", "representative": PICTURES},
}
OTHER_FILES = {"saved_model": "network", "onnx": "network.onnx", "openvino": "network.xml"}
LEAST = {"none": 60, "float16": 60, "int8": 33}  # Decibels; of bytes, one in 16 of "none" may differ.

# All of them in files of all kinds.
STATIC = (40, 36)
KINDS = itertools.cycle([(None, "float32"), (STATIC, "uint8"), (STATIC, "float32"), (None, "uint8"), (None, "float32")])
MATRIX = [
    pytest.param(
        architecture,
        strategy,
        quantize,
        *next(KINDS),
        id=f"{architecture.name}-{strategy}-{quantize}",
        marks=[] if strategy != "plain" and quantize in ("none", "int8") else [pytest.mark.slow],
    )
    for quantize in OPTIONS
    for architecture in ARCHITECTURES
    for strategy in ("plain", architecture.strategies[-1])
    if (architecture.name, quantize) != ("smfanet", "int8")
]


@pytest.mark.usefixtures("quick_int8")
@pytest.mark.parametrize(("architecture", "strategy", "quantize", "shape", "io"), MATRIX)
def test_every_network_in_litert(architecture, strategy, quantize, shape, io, tmp_path):
    one_of_each = {name: 1 for name in architecture.tiny if not name.endswith("filters")}
    model, path = architecture.build_tiny(**STRATEGIES[strategy], **one_of_each), tmp_path / "network.tflite"
    assign_waves(model)
    sidecar = export_model(model, path, shape=shape, io=io, **OPTIONS[quantize])
    assert read_sidecar(path) == sidecar
    assert sorted(os.listdir(tmp_path)) == ["network.tflite", "network.tflite.json"]
    pictures = sidecar.verification["pictures"]
    assert [(found["height"], found["width"]) for found in pictures] == [shape or size for size in SIZES]
    assert all(found["psnr"] > LEAST[quantize] for found in pictures)
    check_litert_file(path, static=shape is not None, integer=quantize == "int8")
    network = LiteRTNetwork(path)
    assert (network.shape, network.dtype, network.scale) == (shape, io, 4)


def test_a_network_that_normalizes_its_pixels_is_refused_in_int8(tmp_path):
    with pytest.raises(ValueError, match="`quantize`"):
        export_model(smfanet(num_filters=4, num_blocks=1), tmp_path / "a.tflite", **OPTIONS["int8"])
    assert not os.listdir(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_int8")
@pytest.mark.parametrize(
    ("architecture", "quantize"),
    [
        pytest.param(architecture, quantize, id=f"{architecture.name}-{quantize}")
        for architecture in ARCHITECTURES
        for quantize in (*OPTIONS, *OTHER_FILES)
        if (architecture.name, quantize) != ("smfanet", "int8")
    ],
)
def test_full_width(architecture, quantize, tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "SIDE", 16)
    keras.utils.set_random_seed(0)
    model = architecture.build(**STRATEGIES[architecture.strategies[-1]])
    if architecture.name != "rcan":  # What two hundred blocks of waves add up to is far beyond 8 bits.
        assign_waves(model)
    file = OTHER_FILES.get(quantize, "network.tflite")
    sidecar = export_model(model, tmp_path / file, **OPTIONS.get(quantize, {}))
    assert len(sidecar.verification["pictures"]) == 3
