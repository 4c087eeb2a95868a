from functools import partial

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES
from reference import assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.graph.cast import layers_in
from keras_lisr.inference import Upscaler
from keras_lisr.layers import GlobalAttentionBlock
from keras_lisr.zoo.network import compare_layers

IN_FLOAT32 = partial(GlobalAttentionBlock, dtype="float32")


@pytest.fixture(params=ARCHITECTURES, ids=lambda architecture: architecture.name)
def model(request):
    architecture = request.param
    return architecture.build_tiny(2, **architecture.options()[architecture.strategies[-1]])


def save_and_load(model, folder):
    model.save(folder / "a.keras")
    return keras.models.load_model(folder / "a.keras")


def test_a_network_knows_its_builder_wherever_it_goes(model, tmp_path):
    rebuilt = getattr(zoo, model.builder)(**model.arguments)
    copies = (
        save_and_load(model, tmp_path),
        keras.models.clone_model(model),
        type(model).from_config(model.get_config()),
        rebuilt,
    )
    for copy in copies:
        assert isinstance(copy, zoo.SuperResolutionModel)
        assert (copy.builder, copy.arguments, copy.scale) == (model.builder, model.arguments, 2)
        assert compare_layers(copy, model) is None


def test_the_scale_is_there_if_it_was_not_given():
    assert zoo.fsrcnn(num_filters=4).arguments == {"scale": 4, "num_filters": 4}


@pytest.mark.parametrize(
    ("changed", "layer"),
    [
        ({"mean_colour": (0, 0, 0)}, "subtract_mean"),
        ({"num_blocks": 2}, "trunk_conv"),
        ({"ggas": lambda name: zoo.skeleton.GlobalAttentionBlock(starts_at_one=True, name=name)}, "global_attention"),
    ],
    ids=["mean colour", "blocks", "start"],
)
def test_networks_that_compute_something_else_differ(changed, layer):
    options = {"ggas": True, "num_filters": 4, "num_blocks": 1}
    networks = zoo.edsr_baseline(2, **options), zoo.edsr_baseline(2, **{**options, **changed})
    assert compare_layers(*networks) == f"layer '{layer}'"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_upscale_returns_what_the_upscaler_does_and_sees_later_weights(dtype):
    model = zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1)
    image = (picture(13, 16, 3) * np.iinfo(dtype).max).astype(dtype)
    before = model.upscale(image)
    assert before.dtype == dtype and before.shape == (26, 32, 3)
    np.testing.assert_array_equal(before, Upscaler(model, precision="float32")(image))
    assign_waves(model)
    assert (model.upscale(image) != before).any()


@pytest.mark.parametrize(("policy", "options"), [("mixed_float16", {}), ("mixed_bfloat16", {"ggas": IN_FLOAT32})])
def test_upscale_sees_later_weights_whatever_the_precision(policy, options):
    with layers_in(policy):
        model = zoo.edsr_baseline(2, num_filters=4, num_blocks=1, **options)
    image = (picture(8, 9, 3) * 255).astype(np.uint8)
    before = model.upscale(image)
    assign_waves(model)
    assert (model.upscale(image) != before).any()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Keras's, of the structure.
def test_a_network_takes_its_input_in_a_list_or_by_name():
    model, image = zoo.fsrcnn(2, num_filters=4, num_blocks=1), picture(1, 8, 9, 3)
    for inputs in ([image], {"low_resolution": image}):
        np.testing.assert_array_equal(to_numpy(model(inputs)), to_numpy(model(image)))


def test_bytes_are_refused():
    model = zoo.fsrcnn(2, num_filters=4)
    for run in (model, model.predict_on_batch):
        with pytest.raises(ValueError, match="`inputs`.*uint8"):
            run(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.parametrize("scaled", [lambda image: image * 255, lambda image: [image * 255], lambda image: image - 2])
def test_floats_of_another_range_are_refused(scaled):
    model, image = zoo.fsrcnn(2, num_filters=4, num_blocks=1), picture(3, 8, 9, 3)
    image[0] = 0  # A film may begin in the dark.
    for run in (partial(model.predict, verbose=0), model.predict_on_batch, model):
        for wrong in (scaled(image), scaled(keras.ops.convert_to_tensor(image))):
            with pytest.raises(ValueError, match=r"`x` must be .*\[0, 1\]"):
                run(wrong)
        noisy = image + np.random.default_rng(0).normal(0, 1, image.shape).astype(image.dtype)
        assert run(noisy).shape == (3, 16, 18, 3)


class Batches(keras.utils.PyDataset):
    """Two batches of pictures and what they are to become."""

    def __init__(self, white):
        super().__init__()
        self.white = white

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return picture(3, 8, 9, 3) * self.white, picture(3, 16, 18, 3)


@pytest.mark.parametrize("as_dataset", [False, True])
@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_the_first_batch_of_a_dataset_tells_its_range(as_dataset, verb):
    model = zoo.fsrcnn(2, num_filters=4, num_blocks=1)
    model.compile("sgd", "mae", jit_compile=False)
    for white in (1, 255):
        data = Batches(white)
        if as_dataset:
            data = pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices(data[0]).batch(2)
        if white == 1:
            getattr(model, verb)(data, verbose=0)
            continue
        with pytest.raises(ValueError, match=r"`x` must be .*\[0, 1\]"):
            getattr(model, verb)(data, verbose=0)
    with pytest.raises(ValueError, match=r"`x` must be .*\[0, 1\]"):
        model.fit(*Batches(255)[0], verbose=0)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ["a.h5", "a.hdf5"])
def test_hdf5_is_refused(tmp_path, nested, name):
    model = zoo.fsrcnn(2, num_filters=4)
    model = keras.Sequential([keras.Input((None, None, 3)), model]) if nested else model
    with pytest.raises(ValueError, match=r"\.keras: HDF5 cannot hold"):
        model.save(tmp_path / name)
    with pytest.raises(ValueError, match=r"\.keras: HDF5 cannot hold"):
        keras.models.save_model(model, tmp_path / name)


def test_hdf5_is_refused_before_a_file_is_replaced(tmp_path):
    (tmp_path / "a.h5").write_text("mine")
    with pytest.raises(ValueError, match="`filepath` must end in .keras"):
        zoo.fsrcnn(2, num_filters=4).save(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").read_text() == "mine"


def test_a_network_trains_and_goes_on_from_its_file(tmp_path):
    model = zoo.fsrcnn(2, num_filters=4, num_blocks=1)
    model.compile("adam", "mae", jit_compile=False)
    low, high = picture(4, 8, 8, 3), picture(4, 16, 16, 3)
    model.fit(low, high, verbose=0)
    again = save_and_load(model, tmp_path)
    np.testing.assert_array_equal(to_numpy(again(low)), to_numpy(model(low)))
    again.fit(low, high, verbose=0)
