import math

import pytest

from keras_lisr.zoo import shallow_edsr
from keras_lisr.zoo.skeleton import ATTENTIONS


def trainable(model) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


# One instance, and one in each of the eight blocks; the normalization of SA has two trainable parameters.
@pytest.mark.parametrize(
    ("attention", "single", "in_each_block"),
    [("ca", 620_916, 624_976), ("cca", 620_916, 624_976), ("sa", 620_436, 621_136), ("esa", 632_016, 713_776)],
)
def test_counts_of_table_1(attention, single, in_each_block):
    assert trainable(shallow_edsr(attention=attention, placement="single")) == single
    assert trainable(shallow_edsr(attention=attention)) == in_each_block


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_placement(attention):
    tiny = {"num_filters": 16, "num_blocks": 3}
    in_blocks = shallow_edsr(attention=attention, **tiny)
    names = [layer.name for layer in in_blocks.layers if isinstance(layer, ATTENTIONS[attention])]
    assert names == [f"block_{i}_attention" for i in (1, 2, 3)]

    single = shallow_edsr(attention=attention, placement="single", **tiny)
    [layer] = [layer for layer in single.layers if isinstance(layer, ATTENTIONS[attention])]
    assert layer.input is single.get_layer("block_3").output
