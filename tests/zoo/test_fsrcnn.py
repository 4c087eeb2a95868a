import keras
import numpy as np
import pytest
from reference import assert_close, assign_waves, to_numpy, wave

from keras_lisr.zoo import fsrcnn


def test_luma_count_of_the_original():
    """Convolutions and PReLU, had they one channel in and out: the 12,464 weights of the paper, 12,809 in all."""
    model = fsrcnn(head="deconvolution")
    kernels = {layer.name: int(np.prod(layer.kernel.shape)) for layer in model.layers if hasattr(layer, "kernel")}
    kernels["extract"] //= 3
    kernels["upsample"] //= 3
    assert sum(kernels.values()) == 12_464
    others = sum(int(np.prod(weight.shape)) for weight in model.weights if weight.name != "kernel")
    assert sum(kernels.values()) + others - 2 == 12_809  # Two biases fewer: one channel comes out, not three.


def test_activations():
    def kinds(model):
        return {type(layer) for layer in model.layers} & {keras.layers.ReLU, keras.layers.PReLU}

    assert kinds(fsrcnn()) == {keras.layers.ReLU}
    deconvolution = fsrcnn(head="deconvolution")
    assert kinds(deconvolution) == {keras.layers.PReLU}
    slopes = [layer.alpha for layer in deconvolution.layers if isinstance(layer, keras.layers.PReLU)]
    assert [slope.shape[-1] for slope in slopes] == [56, 12, 12, 12, 12, 12, 56]
    assert {float(to_numpy(slope).mean()) for slope in slopes} == {0.25}


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_transposed_convolution_is_centred(scale):
    """A symmetric kernel must not shift the picture: mirroring the input mirrors the output."""
    model = fsrcnn(scale, head="deconvolution", num_filters=4, num_shrunk_filters=2, num_blocks=1)
    assign_waves(model)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = to_numpy(layer.kernel)
            layer.kernel.assign((kernel + kernel[:, ::-1]) / 2)
    image = wave(1, 6, 7, 3)
    output, mirrored = (to_numpy(model(x, training=False)) for x in (image, image[:, :, ::-1].copy()))
    # The columns at the border of an even scale's kernel of 9 have no mirror image: 9 - scale is odd or even.
    shift = (9 - scale) % 2
    if shift == 0:
        assert_close(mirrored, output[:, :, ::-1])
    else:
        assert_close(mirrored[:, :, 1:], output[:, :, :0:-1])
