import math

import keras
from litert_files import write_litert

from keras_lisr.exported.memory import MEMORY_OVERHEAD, bytes_per_pixel


def test_bytes_are_those_of_the_tensors_held_at_once_and_a_pointer_for_each_tap(tmp_path):
    inputs = keras.Input((None, None, 3))  # 12 bytes
    first = keras.layers.Conv2D(10, 3, padding="same")(inputs)  # 40, and 9 taps
    second = keras.layers.Conv2D(20, 1)(first)  # 80, while `first` is kept for later
    third = keras.layers.DepthwiseConv2D(5, padding="same")(second)  # 80, and 25 taps
    joined = keras.layers.Concatenate()([first, third])  # 120, while both are kept
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(joined))
    expected = math.ceil(MEMORY_OVERHEAD * (40 + 80 + 120 + 8 * (9 + 25)))
    assert bytes_per_pixel(write_litert(model, tmp_path / "model.tflite")) == expected


def test_enlarged_tensors_count_by_their_pixels(tmp_path):
    inputs = keras.Input((None, None, 3))
    enlarged = keras.ops.depth_to_space(keras.layers.Conv2D(64, 1)(inputs), 4)  # 4 values for each of 16 pixels.
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(enlarged))
    expected = math.ceil(MEMORY_OVERHEAD * (256 + 256 + 8 * 9 * 16))
    assert bytes_per_pixel(write_litert(model, tmp_path / "model.tflite")) == expected
