import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.export.concatenation import runs, uneven_groups
from keras_lisr.export.litert import convert
from keras_lisr.export.litert_graph import litert_graph
from keras_lisr.litert import LiteRTNetwork

PATCHES = [picture(16, 18, 3, phase=phase) for phase in range(2)]


def joined(widths, *, kernel_size=1, activation=None, readers=1, filters=4):
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
    ("widths", "expected"),
    [
        ([1], [1]),
        ([1, 2], [2]),
        ([1, 2.1], [1, 1]),
        ([2, 1, 4, 3], [2, 2]),
        ([1, 1.5, 2, 2.5, 4], [3, 2]),
        ([0, 0, 1], [3]),
        ([1, 0, 5, 1e-9], [2, 2]),
        ([0, 0], [2]),
        ([8, 1, 1], [1, 2]),
    ],
)
def test_runs_are_alike_and_as_long_as_they_can_be(widths, expected):
    assert runs(widths) == expected


def test_unlike_parts_are_found():
    assert uneven_groups(joined([1, 1, 5]), PATCHES) == {"together": [2, 1]}
    assert uneven_groups(joined([1, -1.5, 1.2]), PATCHES) == {}
    assert uneven_groups(joined([1, 5], readers=2), PATCHES) == {"together": [1, 1]}
    assert uneven_groups(zoo.edsr_baseline(2, num_filters=4, num_blocks=1), PATCHES) == {}


def test_what_cannot_be_a_sum_stays():
    assert uneven_groups(joined([1, 5], kernel_size=3), PATCHES) == {}
    assert uneven_groups(joined([1, 5], activation="relu"), PATCHES) == {}
    inputs = keras.Input((None, None, 3))
    together = keras.layers.Concatenate()([inputs, keras.layers.Rescaling(9.0)(inputs)])
    rectified = keras.layers.Conv2D(3, 1)(keras.layers.ReLU()(together))
    assert uneven_groups(keras.Model(inputs, rectified), PATCHES) == {}
    shared = keras.layers.Conv2D(3, 1)
    twice = keras.layers.Add()([shared(together), shared(keras.layers.Concatenate()([inputs, inputs]))])
    assert uneven_groups(keras.Model(inputs, twice), PATCHES) == {}


def test_a_concatenation_that_is_used_twice_stays():
    """Its parts are unlike in one place and alike in the other, where they are more."""
    inputs = keras.Input((None, None, 3))
    join = keras.layers.Concatenate()
    few = keras.layers.Conv2D(3, 1)(join([inputs, keras.layers.Rescaling(9.0)(inputs)]))
    many = keras.layers.Conv2D(3, 1)(join([inputs, inputs, inputs]))
    assert uneven_groups(keras.Model(inputs, keras.layers.Add()([few, many])), PATCHES) == {}


@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("counts", [[1, 1, 1], [2, 1], [1, 2]])
def test_the_sum_is_what_the_concatenation_was(readers, counts):
    model = joined([1, 3, 9], readers=readers)
    assign_waves(model)
    image = picture(1, 16, 18, 3)
    rewritten = litert_graph(model, groups={"together": counts})
    assert_close(rewritten(image), model(image))
    names = {layer.name for layer in rewritten.layers}
    assert "together" not in names
    assert len(names & {f"reader_{readers - 1}_group_{i}" for i in range(3)}) == len(counts)
    assert sum(type(layer) is keras.layers.Concatenate for layer in rewritten.layers) == readers * (max(counts) > 1)


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
    groups = uneven_groups(model, PATCHES)
    assert groups["fusion"][-1] == 1
    errors = []
    for chosen in ({}, groups):
        content = convert(litert_graph(model, bounded=True, groups=chosen), quantize="int8", patches=PATCHES)
        (tmp_path / "file.tflite").write_bytes(content)
        found = LiteRTNetwork(tmp_path / "file.tflite")(image)
        errors.append(np.mean((found - to_numpy(model(image))) ** 2))
    assert errors[1] < errors[0] / 2
