import json
import subprocess
import sys
import zipfile

import pytest

from keras_lisr.basics import preset_index
from keras_lisr.basics.preset_index import DEFAULT_PRESET, Preset, choose_model, find_preset, presets, write_index


def preset(name, scale):
    measured = {"Set5": [32.2, 0.895]}
    return Preset(
        name, "imdn", {"scale": scale, "ggas": True}, f"{name}.npz", "ab" * 32, 722_664, 41_302_425_600, measured
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(preset_index, "FOLDER", tmp_path)
    write_index([preset("small_x4", 4), preset("small_x2", 2), preset(DEFAULT_PRESET, 4)])
    return tmp_path


def test_comes_back_in_its_order(folder):
    assert [entry.name for entry in presets()] == ["small_x4", "small_x2", DEFAULT_PRESET]
    assert presets()[1].scale == 2
    assert presets()[1].arguments == {"scale": 2, "ggas": True}
    assert set(json.loads((folder / "index.json").read_text())["small_x2"]) == {
        "builder", "arguments", "file", "sha256", "parameters", "multiply_accumulates", "measured", "use", "trained",
    }  # fmt: skip


def test_by_name_by_scale_and_by_default(folder):
    assert find_preset().name == DEFAULT_PRESET
    assert find_preset(scale=4).name == DEFAULT_PRESET
    assert find_preset(scale=2).name == "small_x2"
    assert find_preset("small_x4").name == "small_x4"


def test_what_there_is_not_is_answered_with_what_there_is(folder):
    with pytest.raises(ValueError, match="`name`.*small_x4, small_x2, imdn_x4.*name='x'"):
        find_preset("x")


def test_a_model_is_chosen_by_name_or_by_file(folder, tmp_path):
    assert choose_model() == DEFAULT_PRESET
    with pytest.raises(ValueError, match="`name`"):
        choose_model("")
    assert choose_model("small_x2") == "small_x2"
    file = str(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="`model`"):
        choose_model(file)
    with zipfile.ZipFile(file, "w"):
        pass
    assert choose_model(file) == file
    to_import = "`keras-lisr import FILE"
    for other, way_out in (
        ("IMDN_x4.pth", to_import),
        ("IMDN_x4.PTH.tar", to_import),
        ("network.h5", r"`load_weights`.*\.keras"),
    ):
        with pytest.raises(ValueError, match=f"`model`.*{way_out}"):
            choose_model(other, exported=True)


def test_an_exported_file_is_chosen_where_it_will_do(tmp_path):
    file = tmp_path / "model.tflite"
    with pytest.raises(ValueError, match="`model`.*model.tflite'"):
        choose_model(str(file), exported=True)
    file.write_bytes(b"\x1c\x00\x00\x00TFL3...")
    assert choose_model(str(file), exported=True) == str(file)
    with pytest.raises(ValueError, match="`name`.*model.tflite'"):
        choose_model(str(file))
    for other in (b"", b"TFL3", b"PK\x05\x06" + bytes(18)):
        file.write_bytes(other)
        with pytest.raises(ValueError, match="`model`.*model.tflite'"):
            choose_model(str(file), exported=True)


def test_the_packages_own_index_can_be_read():
    assert all(isinstance(entry, Preset) for entry in presets())


def test_reading_it_starts_no_framework():
    program = "import sys, keras_lisr.basics.preset_index as index; index.presets(); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert preset_index.FOLDER.is_dir()
