import keras

from keras_lisr import zoo
from keras_lisr.graph.memory import bytes_per_pixel, values_per_pixel


def test_bytes_are_those_of_the_tensors_held_at_once():
    inputs = keras.Input((None, None, 3))  # 12 bytes
    first = keras.layers.Conv2D(10, 1)(inputs)  # 40
    second = keras.layers.Conv2D(20, 1)(first)  # 80, while `first` is kept for later
    third = keras.layers.Conv2D(10, 1)(second)  # 40
    model = keras.Model(inputs, keras.layers.Add()([first, third]))
    assert bytes_per_pixel(model) == 40 + 80 + 40
    assert bytes_per_pixel(keras.Model(inputs, keras.ops.depth_to_space(keras.layers.Conv2D(64, 1)(inputs), 4))) == 512


def test_values_per_pixel_are_those_of_the_largest_tensor():
    assert values_per_pixel(zoo.fsrcnn(4)) == 56
    assert values_per_pixel(zoo.edsr_baseline(4, num_blocks=1)) == 64 * 16
