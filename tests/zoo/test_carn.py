from keras_lisr.zoo import carn


def test_cascades():
    """Each 1x1 fuses everything that came before it, inside a block and between the blocks."""
    model = carn(num_filters=4)
    for prefix in ("block", "block_1", "block_3"):
        widths = [model.get_layer(f"{prefix}_{i}_fusion").kernel.shape[2] for i in (1, 2, 3)]
        assert widths == [8, 12, 16]


def test_guided_blocks_enter_the_cascade():
    model = carn(num_filters=4, ggas=True)
    assert model.get_layer("block_2_cascade").input[-1] is model.get_layer("block_2").output
    assert model.get_layer("block_2_cascade").input[0] is model.get_layer("shallow").output
