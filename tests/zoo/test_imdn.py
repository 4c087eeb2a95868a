from keras_lisr.zoo import imdn


def test_fusion_of_all_blocks():
    for ggas in (False, True):
        model = imdn(num_filters=16, num_blocks=3, ggas=ggas)
        blocks = model.get_layer("fusion").input
        assert all(block is model.get_layer(f"block_{i}").output for i, block in enumerate(blocks, start=1))
        assert len(blocks) == 3
