import pytest
from litert_files import write_litert

from keras_lisr import zoo
from keras_lisr.basics.preset_index import find_preset
from keras_lisr.batch import engines
from keras_lisr.batch.engines import KERAS_PAYS, OPENVINO_PAYS, Engine, choose_engine

PRESET = find_preset()
FILE = str(PRESET.exported())
LITTLE, SOME, LONG = 0, OPENVINO_PAYS, KERAS_PAYS


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that makes this machine one with OpenVINO, bfloat16 and a GPU, or without."""

    def make(*has):
        monkeypatch.setattr(engines, "find_spec", lambda name: name in has or None)
        monkeypatch.setattr(engines, "computes_bfloat16", lambda: "bfloat16" in has)
        monkeypatch.setattr(engines, "sees_gpu", lambda: "gpu" in has)
        monkeypatch.setattr(engines, "NVIDIA", tmp_path if "driver" in has else tmp_path / "missing")

    return make


@pytest.mark.parametrize(
    ("has", "work", "engine", "precision"),
    [
        ((), LITTLE, "litert", "float32"),
        ((), LONG, "litert", "float32"),
        (("bfloat16",), LITTLE, "litert", "float32"),
        (("bfloat16",), SOME, "litert", "float32"),
        (("bfloat16",), LONG, "tensorflow", "auto"),
        (("openvino",), LITTLE, "litert", "float32"),
        (("openvino",), SOME, "openvino", "float32"),
        (("openvino", "bfloat16"), LONG, "openvino", "bfloat16"),
        (("driver", "gpu"), LONG, "tensorflow", "auto"),
        (("driver", "gpu", "openvino"), SOME, "openvino", "float32"),
        (("driver",), LONG, "litert", "float32"),
    ],
)
def test_a_preset_goes_where_it_is_fastest(machine, has, work, engine, precision):
    machine(*has)
    model = PRESET.name if engine == "tensorflow" else FILE
    assert choose_engine(PRESET.name, work=work) == Engine(engine, precision, model)


def test_what_is_asked_for_is_done(machine):
    machine("bfloat16")
    for engine, precision, chosen in (
        ("litert", "auto", Engine("litert", "float32", FILE)),
        ("openvino", "auto", Engine("openvino", "bfloat16", FILE)),
        ("openvino", "float32", Engine("openvino", "float32", FILE)),
        ("tensorflow", "float32", Engine("tensorflow", "float32", PRESET.name)),
        ("auto", "bfloat16", Engine("tensorflow", "bfloat16", PRESET.name)),
        ("auto", "float32", Engine("litert", "float32", FILE)),
        ("auto", "int8", Engine("litert", "int8", str(PRESET.exported("int8")))),
    ):
        assert choose_engine(PRESET.name, engine, precision) == chosen


def test_files_have_their_own(machine, tmp_path):
    machine("bfloat16")
    file = str(write_litert(zoo.fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1), tmp_path / "a.tflite"))
    int8 = str(PRESET.exported("int8"))
    assert choose_engine(file, work=LONG) == Engine("litert", "float32", file)
    assert choose_engine(file, "openvino") == Engine("openvino", "bfloat16", file)
    assert choose_engine(int8, precision="int8") == choose_engine(int8) == Engine("litert", "int8", int8)
    assert choose_engine("a.keras") == Engine("tensorflow", "auto", "a.keras")


@pytest.mark.parametrize(
    ("model", "engine", "precision", "name"),
    [
        (PRESET.name, "onnxruntime", "auto", "`engine`"),
        (PRESET.name, "cuda", "auto", "`engine`"),
        ("imdn_x5", "auto", "auto", "`name`"),
        (PRESET.name, "auto", "float16", "`precision`"),
        (PRESET.name, "litert", "bfloat16", "`precision`"),
        (PRESET.name, "openvino", "int8", "`engine`"),
        ("imdn_x2", "auto", "int8", "`precision`"),
        (FILE, "tensorflow", "auto", "`engine`"),
        (FILE, "litert", "int8", "`precision`"),
        ("a.keras", "litert", "auto", "`engine`"),
        ("a.npz", "auto", "int8", "`precision`"),
    ],
)
def test_what_does_not_run_is_refused(model, engine, precision, name):
    with pytest.raises(ValueError, match=name):
        choose_engine(model, engine, precision)


def test_without_a_driver_no_framework_is_started(machine, monkeypatch):
    machine()
    monkeypatch.setattr(engines, "sees_gpu", lambda: pytest.fail("started Keras"))
    assert choose_engine(PRESET.name, work=LONG).name == "litert"
