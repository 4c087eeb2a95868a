import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export.concatenation import find_uneven
from keras_lisr.export.litert import convert
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.exported import LiteRTNetwork

PATCHES = [picture(16, 18, 3, phase=phase) for phase in range(2)]


def join(widths, *, kernel_size=1, activation=None, readers=1, filters=4):
    """A network that joins features of given widths, and convolves them."""
    inputs = keras.Input((None, None, 3))
    parts = [keras.layers.Rescaling(width)(keras.layers.Conv2D(filters, 1)(inputs)) for width in widths]
    together = keras.layers.Concatenate(name="together")(parts)
    layers = [
        keras.layers.Conv2D(3, kernel_size, padding="same", activation=activation, name=f"reader_{i}")
        for i in range(readers)
    ]
    results = [layer(together) for layer in layers]
    model = keras.Model(inputs, results[0] if readers == 1 else keras.layers.Add()(results))
    ones = [np.ones((1, 1, 3, filters)), np.zeros(filters)]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and not layer.name.startswith("reader"):
            layer.set_weights(ones)
    return model


@pytest.mark.parametrize(
    ("model", "is_found"),
    [
        (join([1, 1, 5]), True),
        (join([1, 5], readers=2), True),
        (join([1, -1.5, 1.2]), False),
        (join([1, 0]), False),
        (join([1, 5], kernel_size=3), False),
        (join([1, 5], activation="relu"), False),
        (zoo.edsr_baseline(2, num_filters=4, num_blocks=1), False),
    ],
)
def test_unlike_parts_are_found_where_they_can_be_a_sum(model, is_found):
    assert list(find_uneven(model, PATCHES)) == ["together"] * is_found


@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("groups", [[-1, -2, -3], [1, 0, 1]])
def test_the_sum_is_what_the_concatenation_was(groups, readers):
    model = join([1, 3, 9], readers=readers)
    assign_waves(model)
    image = picture(1, 16, 18, 3)
    rewritten = litert_graph(model, uneven={"together": groups})
    assert_close(rewritten(image), model(image))
    assert "together" not in {layer.name for layer in rewritten.layers}


def test_blocks_that_grow_lose_less_as_a_sum(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(16, 3, padding="same")(inputs)
    blocks = []
    for factor in (1, 1, 30):
        features = keras.layers.Rescaling(factor)(keras.layers.Conv2D(16, 3, padding="same")(features))
        blocks.append(features)
    fused = keras.layers.Conv2D(16, 1)(keras.layers.Concatenate(name="fusion")(blocks))
    enlarged = keras.ops.depth_to_space(keras.layers.Conv2D(12, 1)(fused), 2)
    model = keras.Model(inputs, keras.layers.Rescaling(0.01, 0.5)(enlarged))

    image = PATCHES[0][None]
    found = find_uneven(model, PATCHES)
    assert found.keys() == {"fusion"}
    errors = []
    for uneven in ({}, found):
        options = ExportOptions(tmp_path / "file.tflite", quantize="int8", representative=PATCHES)
        options.path.write_bytes(convert(litert_graph(model, bounded=True, uneven=uneven), options, PATCHES))
        result = LiteRTNetwork(tmp_path / "file.tflite")(image)
        errors.append(np.mean((result - to_numpy(model(image))) ** 2))
    assert errors[1] < errors[0] / 2
