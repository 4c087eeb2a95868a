"""Every network takes pictures of any height and width, several at once, and returns them `scale` times as large."""

import numpy as np
import pytest
from architectures import each_architecture, every_layer
from reference import assert_close, picture, to_numpy

SIZES = [(1, 1), (1, 6), (7, 2), (16, 15)]
SMALLEST_FOR_ESA = 15


@every_layer
def test_any_size(architecture, options):
    model = architecture.build_tiny(**options)
    for height, width in SIZES:
        if "esa" in options.values() and min(height, width) < SMALLEST_FOR_ESA:
            continue
        output = model(picture(2, height, width, 3), training=False)
        assert output.shape == (2, 4 * height, 4 * width, 3)
        assert "float32" in str(output.dtype)
        assert np.isfinite(to_numpy(output)).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
@each_architecture
def test_scale(architecture, scale):
    model = architecture.build_tiny(scale)
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape == (None, None, None, 3)
    assert model.compute_output_shape((2, 5, 3, 3)) == (2, 5 * scale, 3 * scale, 3)
    assert model.compute_output_shape((None, None, None, 3)) == (None, None, None, 3)
    assert model(picture(1, 5, 3, 3), training=False).shape == (1, 5 * scale, 3 * scale, 3)


@each_architecture
def test_pictures_of_a_batch_are_independent(architecture):
    model = architecture.build_tiny()
    pictures = picture(2, 6, 5, 3)
    together = to_numpy(model(pictures, training=False))
    assert_close(together[1:], model(pictures[1:], training=False))
