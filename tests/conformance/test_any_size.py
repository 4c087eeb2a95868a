"""Every network takes pictures of any height and width, several at once, and returns them `scale` times as large."""

import numpy as np
import pytest
from architectures import each_architecture, every_layer
from reference import picture, to_numpy

SIZES = [(1, 1), (1, 6), (7, 2), (9, 8), (16, 15)]


@every_layer
def test_any_size(architecture, options):
    model = architecture.build_tiny(**options)
    smallest_side = max(getattr(layer, "smallest_side", 1) for layer in model.layers)
    for height, width in SIZES:
        if min(height, width) < smallest_side:
            with pytest.raises(ValueError, match=f"`features`.* {smallest_side} "):
                model(picture(2, height, width, 3), training=False)
            continue
        output = model(picture(2, height, width, 3), training=False)
        assert output.shape == (2, 4 * height, 4 * width, 3)
        assert "float32" in str(output.dtype)
        assert np.isfinite(to_numpy(output)).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
@each_architecture
def test_scale(architecture, scale):
    model = architecture.build_tiny(scale)
    assert model.input_shape == model.output_shape == (None, None, None, 3)
    assert model.compute_output_shape((2, 5, 3, 3)) == (2, 5 * scale, 3 * scale, 3)
    assert model(picture(1, 9, 8, 3), training=False).shape == (1, 9 * scale, 8 * scale, 3)
