import io
import json
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_lisr import zoo
from keras_lisr.basics.preset_index import write_index
from keras_lisr.evaluation import parameters
from keras_lisr.zoo.presets import (
    count_stored,
    from_preset,
    load_model,
    presets,
    register_preset,
    save_preset,
)

ARGUMENTS = {"scale": 2, "ggas": True, "cwss": True, "num_filters": 8, "num_blocks": 1, "attention": None}


@pytest.fixture(scope="module")
def model():
    network = zoo.imdn(**ARGUMENTS)
    network.get_layer("global_attention").normalization.moving_variance.assign(np.full(8, 0.25))
    return network


@pytest.fixture
def file(model, tmp_path):
    save_preset(model, tmp_path / "tiny.npz", builder="imdn", arguments=ARGUMENTS)
    return tmp_path / "tiny.npz"


@pytest.fixture
def folder(file, tmp_path):
    folder = tmp_path / "presets"
    folder.mkdir()
    write_index([], folder)
    register_preset("tiny_x2", file, multiply_accumulates=123, measured={"Set5": (30.5, 0.9)}, folder=folder)
    return folder


def change(file, **changes):
    """Rewrites a preset file with other arrays, without those that are None."""
    with np.load(file) as stored:
        arrays = {**stored, **changes}
    np.savez(file, **{name: values for name, values in arrays.items() if values is not None})


def test_a_file_comes_back_as_the_same_network_in_float16(model, file):
    loaded = from_preset(file)
    assert loaded.count_params() == model.count_params()
    for weight, saved in zip(loaded.weights, model.weights, strict=True):
        assert weight.path == saved.path
        values, saved_values = map(keras.ops.convert_to_numpy, (weight, saved))
        np.testing.assert_array_equal(values, saved_values.astype(np.float16).astype(np.float32))
    image = np.random.default_rng(0).uniform(0, 1, (1, 6, 7, 3)).astype(np.float32)
    upscaled = [keras.ops.convert_to_numpy(network(image)) for network in (loaded, model)]
    np.testing.assert_allclose(*upscaled, atol=1e-3)


def test_a_file_holds_float16_and_no_pickle(file):
    with np.load(file, allow_pickle=False) as stored:
        assert json.loads(str(stored["architecture"])) == {"builder": "imdn", "arguments": ARGUMENTS}
        assert {stored[name].dtype for name in stored if name != "architecture"} == {np.dtype(np.float16)}


def test_a_registered_preset_is_found_by_name(folder, model):
    assert [preset.name for preset in presets(folder)] == ["tiny_x2"]
    (preset,) = presets(folder)
    assert (preset.builder, preset.arguments, preset.scale) == ("imdn", ARGUMENTS, 2)
    assert (preset.parameters, preset.multiply_accumulates) == (parameters(model), 123)
    assert preset.measured == {"Set5": [30.5, 0.9]}
    assert from_preset("tiny_x2", folder).name == "imdn"


def test_registering_again_replaces_the_entry(folder, file):
    register_preset("tiny_x2", file, multiply_accumulates=456, measured={}, folder=folder)
    assert [preset.multiply_accumulates for preset in presets(folder)] == [456]


def test_an_unknown_name_is_answered_with_the_known_ones(folder):
    with pytest.raises(ValueError, match=r"`name` must be a preset \(tiny_x2\), .* Received: name='large'"):
        from_preset("large", folder)


def test_a_changed_file_is_refused(folder):
    change(folder / "tiny_x2.npz")
    with pytest.raises(
        ValueError, match=r"SHA-256 [0-9a-f]{64}. Received: name_or_path='tiny_x2' \(.*: [0-9a-f]{64}\)"
    ):
        from_preset("tiny_x2", folder)


def test_every_weight_is_used_and_set(file):
    change(file, **{"shallow/kernel": None})
    with pytest.raises(ValueError, match="those of 'imdn'. Received: 'shallow/kernel' in the network only"):
        from_preset(file)


def test_no_weight_is_left_over(file):
    change(file, **{"extra/kernel": np.zeros(3, np.float16)})
    with pytest.raises(ValueError, match="those of 'imdn'. Received: 'extra/kernel' in the file only"):
        from_preset(file)


def test_shapes_must_agree(file):
    change(file, **{"shallow/bias": np.zeros(9, np.float16)})
    with pytest.raises(ValueError, match=r"Received: 'shallow/bias' of shape \(9,\) in place of \(8,\)"):
        from_preset(file)


@pytest.mark.parametrize("builder", ["vdsr", "presets", "from_preset", "imdn.keras", "__name__"])
def test_only_networks_of_the_zoo_are_built(file, builder):
    change(file, architecture=np.array(json.dumps({"builder": builder, "arguments": {}})))
    with pytest.raises(
        ValueError, match=f"`builder` must be a network of keras_lisr.zoo. Received: builder='{builder}'"
    ):
        from_preset(file)


@pytest.mark.parametrize(
    "architecture",
    [
        "nonsense",
        "[]",
        '{"builder": "imdn"}',
        '{"arguments": {"scale": 2, "filters": 8}, "builder": "imdn"}',
        '{"arguments": {"scale": 5}, "builder": "imdn"}',
    ],
)
def test_broken_architectures_are_refused_by_name(file, architecture):
    change(file, architecture=np.array(architecture))
    with pytest.raises(ValueError, match=r"`path` must be a preset file. Received: path='.*npz' \("):
        from_preset(file)


def test_the_order_in_an_architecture_does_not_matter(file):
    change(file, architecture=np.array(json.dumps({"arguments": ARGUMENTS, "builder": "imdn"})))
    assert from_preset(file).name == "imdn"


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"])
def test_broken_files_are_refused_by_name(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"`path` must be a preset file. Received: path='.*a.npz' \("):
        from_preset(tmp_path / "a.npz")


def test_missing_files_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"path='.*a.npz' \(.*No such file"):
        from_preset(str(tmp_path / "a.npz"))


def test_arguments_must_be_those_of_the_model(model, tmp_path):
    with pytest.raises(ValueError, match="in the file only|in the network only|in place of"):
        save_preset(model, tmp_path / "a.npz", builder="imdn", arguments={**ARGUMENTS, "num_blocks": 2})
    assert not (tmp_path / "a.npz").exists()


def test_weights_beyond_float16_are_refused(tmp_path):
    network = zoo.fsrcnn(2, num_filters=8)
    network.get_layer("shrink").bias.assign(np.full(12, 1e5))
    with pytest.raises(ValueError, match="`model` must have weights within float16. Received: 'shrink/bias' beyond"):
        save_preset(network, tmp_path / "a.npz", builder="fsrcnn", arguments={"scale": 2, "num_filters": 8})


def test_the_suffix_is_npz(model, tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end in .npz. Received: path='.*a.npy'"):
        save_preset(model, tmp_path / "a.npy", builder="imdn", arguments=ARGUMENTS)


def test_a_model_is_loaded_by_its_preset_or_from_either_kind_of_file(model, file, folder, monkeypatch, tmp_path):
    monkeypatch.setattr("keras_lisr.basics.preset_index.FOLDER", folder)
    model.save(tmp_path / "tiny.keras")
    for name in ("tiny_x2", file, tmp_path / "tiny.keras"):
        loaded = load_model(name)
        assert [weight.path for weight in loaded.weights] == [weight.path for weight in model.weights]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x", "must be a preset"),
        ("missing.keras", "must be an existing file"),
        ("text.keras", "must be a .keras or .npz file"),
    ],
)
def test_what_is_no_model_is_refused_by_its_name(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match=f"{message}.*'{name}'"):
        load_model(name)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    network = zoo.imdn(**ARGUMENTS)
    network.get_layer("shallow").bias.assign(np.full(8, np.nan))
    network.save(tmp_path / "nan.keras")
    with pytest.raises(ValueError, match="must have finite weights.*nan.keras', in which 'shallow/bias' is not"):
        load_model(tmp_path / "nan.keras")


def test_a_file_that_holds_code_is_refused(tmp_path):
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, keras.layers.Lambda(lambda image: image)(inputs)).save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match="must be a model that Keras can load. Received: model='.*code.keras'"):
        load_model(tmp_path / "code.keras")


def test_a_tampered_file_is_refused(tmp_path):
    file = tmp_path / "changed.keras"
    zoo.fsrcnn(2, num_filters=8).save(file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # Among the weights, of which the archive keeps a checksum.
    file.write_bytes(content)
    with pytest.raises(ValueError, match="must be a model that Keras can load. Received: model='.*changed.keras'"):
        load_model(file)


def test_unknown_layers_are_refused(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, image):
            return image

    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, Own()(inputs)).save(tmp_path / "own.keras")
    message = r"must be a model that Keras can load. Received: model='.*own.keras' \(Could not locate class 'Own'\."
    with pytest.raises(ValueError, match=message) as caught:
        load_model(tmp_path / "own.keras")
    assert len(str(caught.value)) < 500 and str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("config.json", r"its config.json has 100000000 bytes; 16777216 at most can be read"),
        ("model.weights.h5", r"it inflates to 1000\d+ bytes; 17\d+ at most can be read"),
    ],
)
def test_files_that_inflate_to_far_more_are_refused_unread(tmp_path, monkeypatch, member, message):
    monkeypatch.setattr(keras.models, "load_model", None)
    zoo.fsrcnn(2, num_filters=8).save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {member: bytes(10**8)}
    with zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=rf"Received: model='.*a.keras' \({message}\)"):
        load_model(tmp_path / "a.keras")


def test_a_model_that_is_larger_than_its_weights_is_refused_unmade(tmp_path):
    inputs = keras.Input((None, None, 7))
    keras.Model(inputs, keras.layers.Conv2D(7, 3)(keras.layers.Conv2D(7, 3)(inputs))).save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = re.sub(rb"\b7\b", b"700", members["config.json"])
    with zipfile.ZipFile(tmp_path / "wide.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert load_model(tmp_path / "a.keras").count_params() == 896
    with pytest.raises(ValueError, match="a network of 4410000 weights and more; by those in it, 3584 can be"):
        load_model(tmp_path / "wide.keras")


@pytest.mark.parametrize(
    ("layer", "number"),
    [
        (keras.layers.Conv2D(3, 3, dilation_rate=5000, padding="same"), "`dilation_rate` must be at most 4096. .*5000"),
        (keras.layers.ZeroPadding2D(5000), "`padding` must be at most 4096. .*5000"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_absurd_sizes_are_refused(tmp_path, layer, number):
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=number):
        load_model(tmp_path / "a.keras")


def test_data_sets_that_were_never_written_count_no_more_than_the_file(tmp_path):
    zoo.fsrcnn(2, num_filters=8).save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "a") as file:
        for i in range(300):
            file.create_dataset(f"empty_{i}", shape=(10_000,), dtype="f4", chunks=(10_000,))
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert zoo.fsrcnn(2, num_filters=8).count_params() <= count_stored(tmp_path / "a.keras") < 10_000
    assert count_stored(tmp_path / "b.keras") <= 10 * len(members["model.weights.h5"]) / 4


def test_weights_that_keras_merges_when_it_saves_are_made_again(tmp_path):
    inputs = keras.Input((None, None, 3))
    convolutions = [keras.layers.Conv2D(64, 3, padding="same") for _ in range(3)]
    features = inputs
    for convolution in convolutions:
        features = convolution(features)
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(features))
    for convolution in convolutions:
        convolution.enable_lora(64)
    model.save(tmp_path / "lora.keras")
    assert load_model(tmp_path / "lora.keras").count_params() > 2 * 64 * 64 * 9 * 1.5


def stored(path, arguments, builder="fsrcnn", **arrays):
    np.savez_compressed(path, architecture=json.dumps({"builder": builder, "arguments": arguments}), **arrays)
    return path


def test_small_preset_files_do_not_become_large(tmp_path):
    bomb = stored(tmp_path / "bomb.npz", {"scale": 2}, zeros=np.zeros(2**28, np.uint8))
    with pytest.raises(ValueError, match="it inflates to 26.* bytes; 1.* at most can be read"):
        from_preset(bomb)
    for name in ("num_filters", "num_blocks"):
        with pytest.raises(ValueError, match=f"`{name}` must be at most 64, by its weights. Received: {name}=4000"):
            from_preset(stored(tmp_path / "wide.npz", {"scale": 2, name: 4000}, empty=np.zeros((4000, 0))))
    wide = {"scale": 2, "num_filters": 64, "num_blocks": 64}
    with pytest.raises(ValueError, match="and more; by those in it, 0 can be"):
        from_preset(stored(tmp_path / "deep.npz", wide, builder="edsr_baseline"))
    for architecture in ("[" * 200_000, "[]", '{"builder": "fsrcnn", "arguments": [2]}'):
        np.savez(tmp_path / "other.npz", architecture=np.array(architecture))
        with pytest.raises(ValueError, match="`path` must be a preset file"):
            from_preset(tmp_path / "other.npz")


def test_a_preset_file_with_weights_that_are_not_finite_is_refused(tmp_path):
    model = zoo.fsrcnn(2, num_filters=4, num_blocks=1)
    arguments = {"scale": 2, "num_filters": 4, "num_blocks": 1}
    weights = {weight.path: np.array(keras.ops.convert_to_numpy(weight)) for weight in model.weights}
    assert from_preset(stored(tmp_path / "good.npz", arguments, **weights)).name == "fsrcnn"
    weights[model.weights[0].path].flat[0] = np.nan
    with pytest.raises(ValueError, match="the weights must be finite, and '.*' is not"):
        from_preset(stored(tmp_path / "nan.npz", arguments, **weights))
