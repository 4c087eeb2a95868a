import numpy as np
import pytest
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr.zoo import carn, edsr_baseline


@pytest.mark.parametrize(("scale", "filters"), [(2, [256]), (3, [576]), (4, [256, 256])])
@pytest.mark.parametrize("builder", [edsr_baseline, carn])
def test_upsampling_stages(builder, scale, filters):
    layers = [layer for layer in builder(scale).layers if layer.name.startswith("upsample")]
    assert [layer.filters for layer in layers] == filters


def test_mean_colour():
    """Without any weights the network answers with the mean of DIV2K."""
    model = edsr_baseline(2, num_filters=4, num_blocks=1)
    assign_waves(model)
    for weight in model.weights:
        weight.assign(0 * weight)
    output = to_numpy(model(picture(1, 3, 3, 3), training=False))
    assert_close(output.reshape(-1, 3), np.tile([0.4488, 0.4371, 0.4040], (36, 1)), atol=1e-6)
