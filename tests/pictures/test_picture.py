import numpy as np

from keras_lisr.pictures.picture import Picture, is_opaque


def test_what_is_opaque():
    assert is_opaque(np.zeros((2, 2, 3), np.uint8)) and is_opaque(np.zeros((2, 2, 1), np.uint16))
    assert is_opaque(np.full((2, 2, 4), 65535, np.uint16)) and not is_opaque(np.full((2, 2, 2), 255, np.uint16))


def test_what_the_pixels_say():
    deep = Picture(np.zeros((2, 2, 2), np.uint16))
    assert deep.is_grey and deep.has_alpha and deep.depth == 16
    plain = Picture(np.zeros((2, 2, 3), np.uint8))
    assert not plain.is_grey and not plain.has_alpha and plain.depth == 8
    assert plain.metadata.icc_profile == b""
