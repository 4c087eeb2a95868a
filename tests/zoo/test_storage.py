import json
import re
import zipfile
from functools import partial

import keras
import numpy as np
import pytest
from preset_files import add_preset
from reference import assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.basics import preset_index
from keras_lisr.export.fold import fold
from keras_lisr.layers import ChannelAttention, ChannelWiseScale, GlobalAttentionBlock
from keras_lisr.zoo import from_preset, load_model, save_preset

ARGUMENTS = {"scale": 2, "ggas": True, "cwss": True, "num_filters": 8, "num_blocks": 1, "attention": None}


@keras.saving.register_keras_serializable("test")
class Doubled(keras.layers.Layer):
    """Somebody's layer."""

    receptive_field_radius = 0

    def call(self, features):
        return 2 * features


@pytest.fixture(scope="module")
def model():
    network = zoo.imdn(**ARGUMENTS)
    network.get_layer("global_attention").normalization.moving_variance.assign(np.full(8, 0.25))
    return network


@pytest.fixture
def file(model, tmp_path):
    save_preset(model, tmp_path / "tiny.npz")
    return tmp_path / "tiny.npz"


@pytest.fixture
def folder(file, tmp_path, monkeypatch):
    """A folder in the package's place that has one preset."""
    folder = tmp_path / "presets"
    folder.mkdir()
    add_preset(folder, "tiny_x2", file)
    monkeypatch.setattr(preset_index, "FOLDER", folder)
    return folder


def test_a_file_comes_back_as_the_same_network_in_float16(model, file):
    loaded = from_preset(file)
    for weight, saved in zip(loaded.weights, model.weights, strict=True):
        assert weight.path == saved.path
        np.testing.assert_array_equal(to_numpy(weight), to_numpy(saved).astype(np.float16))
    image = picture(1, 6, 7, 3)
    np.testing.assert_allclose(to_numpy(loaded(image)), to_numpy(model(image)), atol=1e-3)


def test_a_file_holds_float16_and_no_pickle(file):
    with np.load(file, allow_pickle=False) as stored:
        assert json.loads(str(stored["architecture"])) == {"builder": "imdn", "arguments": ARGUMENTS}
        assert {stored[name].dtype for name in stored if name != "architecture"} == {np.dtype(np.float16)}


def test_a_model_is_loaded_by_its_preset_or_from_either_kind_of_file(model, file, folder, tmp_path):
    model.save(tmp_path / "tiny.keras")
    for name in ("tiny_x2", file, tmp_path / "tiny.keras"):
        assert [weight.path for weight in load_model(name).weights] == [weight.path for weight in model.weights]


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("large", "name"), ("missing.keras", "model"), ("missing.npz", "model"), ("a.keras", "model")],
)
def test_what_is_no_model_is_refused_by_its_name(tmp_path, monkeypatch, name, parameter):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.keras").write_text("no model")
    with pytest.raises(ValueError, match=f"`{parameter}`.*'{name}'"):
        load_model(name)


def test_what_is_saved_must_be_the_builders_own_and_fit_into_float16(model, tmp_path):
    huge = zoo.imdn(**ARGUMENTS)
    huge.get_layer("shallow").bias.assign(np.full(8, 1e5))
    other = zoo.imdn(**ARGUMENTS)
    other.get_layer("super_resolved").arguments = {**ARGUMENTS, "num_blocks": 2}
    for refused, file, reason in (
        (model, "a.npy", "`path`"),
        (other, "a.npz", "`model`"),
        (fold(model), "a.npz", "`model`"),
        (keras.Model(model.input, model.output), "a.npz", "`model`"),
        (huge, "a.npz", "float16.*'shallow/bias'"),
    ):
        with pytest.raises(ValueError, match=reason):
            save_preset(refused, tmp_path / file)
        assert not (tmp_path / file).exists()


@pytest.mark.parametrize(
    "options",
    [
        {"ggas": partial(GlobalAttentionBlock, kernel_size=5, starts_at_one=True), "cwss": True},
        {"cwss": partial(ChannelWiseScale, initial_alpha=1.0)},
        {"attention": partial(ChannelAttention, reduction=4)},
        {"attention": Doubled},
        {"ggas": partial(keras.layers.Activation, "sigmoid")},
    ],
    ids=["ggas", "cwss", "attention", "own", "keras"],
)
def test_layer_factories_are_stored_by_class_and_configuration(tmp_path, options):
    network = zoo.imdn(**{**ARGUMENTS, **options})
    assign_waves(network)
    save_preset(network, tmp_path / "a.npz")
    image = picture(1, 6, 7, 3)
    np.testing.assert_allclose(to_numpy(from_preset(tmp_path / "a.npz")(image)), to_numpy(network(image)), atol=1e-2)


def test_layers_that_keras_would_not_find_are_refused(tmp_path):
    class Unregistered(keras.layers.Layer):
        def call(self, features):
            return features

    with pytest.raises(ValueError, match="`model`.*Unregistered"):
        save_preset(zoo.imdn(**{**ARGUMENTS, "attention": Unregistered}), tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_a_mean_colour_is_stored(tmp_path):
    network = zoo.edsr_baseline(2, num_filters=4, num_blocks=1, mean_colour=np.array([0.1, 0.2, 0.3]))
    save_preset(network, tmp_path / "a.npz")
    assert from_preset(tmp_path / "a.npz").get_layer("add_mean").offset == [0.1, 0.2, 0.3]


def change(file, **changes):
    """Rewrites a preset file with other arrays, without those that are None."""
    with np.load(file) as stored:
        arrays = {**stored, **changes}
    np.savez_compressed(file, **{name: values for name, values in arrays.items() if values is not None})


def test_a_changed_file_is_no_longer_the_preset(folder):
    change(folder / "tiny_x2.npz", **{"shallow/bias": np.ones(8, np.float16)})
    with pytest.raises(ValueError, match="SHA-256 [0-9a-f]{64}.*tiny_x2"):
        from_preset("tiny_x2")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("shallow/kernel", None),
        ("extra/kernel", np.zeros(3)),
        ("shallow/bias", np.zeros(9)),
        ("shallow/bias", np.full(8, np.nan)),
        ("zeros", np.zeros(2**28, np.uint8)),
    ],
    ids=["missing", "more", "shape", "not a number", "inflating"],
)
def test_files_with_other_weights_are_refused(file, name, values):
    change(file, **{name: values})
    with pytest.raises(ValueError, match="`path`"):
        from_preset(file)


@pytest.mark.parametrize(
    "architecture",
    [
        "nonsense",
        "[" * 200_000,
        "[]",
        '{"builder": "imdn"}',
        '{"builder": "imdn", "arguments": [2]}',
        '{"builder": "imdn", "arguments": {"scale": 2, "filters": 8}}',
        '{"builder": "from_preset", "arguments": {"name_or_path": "imdn_x4"}}',
        '{"builder": "__name__", "arguments": {}}',
        # As many layers, and as many weights, as would fill the memory.
        '{"builder": "memnet", "arguments": {"num_recursions": 1000000000}}',
        '{"builder": "edsr_baseline", "arguments": {"num_filters": 256, "num_blocks": 256}}',
    ],
    ids=lambda architecture: architecture[:60],
)
def test_files_of_other_architectures_are_refused(file, architecture):
    change(file, architecture=np.array(architecture))
    with pytest.raises(ValueError, match="`path`"):
        from_preset(file)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"])
def test_broken_files_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="`(path|model)`"):
        from_preset(tmp_path / "a.npz")


@keras.saving.register_keras_serializable("test")
class Unknown(keras.layers.Layer):
    """A layer that is not known where the file is read."""

    def call(self, image):
        return image


def keras_file(path, *layers, **members):
    """Saves layers in a row as a model, and replaces members of the file by what functions make of them."""
    inputs = keras.Input((None, None, 7))
    keras.Model(inputs, keras.Sequential(layers)(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, members.get(name.split(".")[0], bytes)(content))
    return path


def refusal(path):
    """Returns the message of the error that a file raises, one short line."""
    with pytest.raises(ValueError, match="`model`.*a.keras'") as caught:
        load_model(path)
    message = str(caught.value)
    assert len(message) < 700 and message.isprintable()
    return message


def test_code_and_unknown_layers_are_refused(tmp_path, monkeypatch):
    refusal(keras_file(tmp_path / "a.keras", keras.layers.Lambda(lambda image: image)))
    keras_file(tmp_path / "a.keras", Unknown())
    monkeypatch.delitem(keras.saving.get_custom_objects(), "test>Unknown")
    monkeypatch.setattr(f"{__name__}.Unknown", None, raising=False)
    assert "Unknown" in refusal(tmp_path / "a.keras")


def test_weights_that_are_not_finite_or_damaged_are_refused(tmp_path):
    file = keras_file(
        tmp_path / "a.keras", keras.layers.Conv2D(3, 3, bias_initializer=keras.initializers.Constant(np.nan))
    )
    assert "bias" in refusal(file)
    content = bytearray(keras_file(file, keras.layers.Conv2D(3, 3)).read_bytes())
    content[len(content) // 2] ^= 1  # Among the weights, of which the archive keeps a checksum.
    file.write_bytes(content)
    refusal(file)


@pytest.mark.parametrize("member", ["config", "model"])
def test_files_that_inflate_to_far_more_are_refused_unread(tmp_path, monkeypatch, member):
    file = keras_file(tmp_path / "a.keras", keras.layers.Conv2D(3, 3), **{member: lambda content: bytes(10**8)})
    monkeypatch.setattr(keras.models, "load_model", None)
    assert "at most can be read" in refusal(file)


def test_a_model_that_is_larger_than_its_weights_is_refused_unmade(tmp_path):
    layers = [keras.layers.Conv2D(7, 3), keras.layers.Conv2D(7, 3)]
    assert load_model(keras_file(tmp_path / "a.keras", *layers)).count_params() == 896
    file = keras_file(tmp_path / "a.keras", *layers, config=lambda config: re.sub(rb"\b7\b", b"700", config))
    assert "a network of at least 4410000 weights" in refusal(file)


def test_weights_that_keras_merges_when_it_saves_are_made_again(tmp_path):
    inputs = keras.Input((None, None, 3))
    convolutions = [keras.layers.Conv2D(64, 3, padding="same") for _ in range(3)]
    model = keras.Model(inputs, keras.Sequential(convolutions)(inputs))
    for convolution in convolutions:
        convolution.enable_lora(64)
    model.save(tmp_path / "lora.keras")
    assert load_model(tmp_path / "lora.keras").count_params() > 2 * 64 * 64 * 9 * 1.5
