import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from exported_networks import EXPORTED
from reference import assert_close, assign_waves, picture, to_numpy

from keras_lisr import zoo
from keras_lisr.basics.export_options import ExportOptions
from keras_lisr.export.litert import write_litert
from keras_lisr.export.litert_file import read_litert_file
from keras_lisr.exported import LiteRTNetwork

pytestmark = pytest.mark.usefixtures("quick_int8")

PICTURES = [np.rint(255 * picture(40, 48, 3, phase=phase)).astype(np.uint8) for phase in range(3)]
LOW_RESOLUTION = PICTURES[0][None, :24, :20]
STEP = np.float32(1 / 255)


def build(name):
    architecture, options = EXPORTED[name]
    model = architecture.build_tiny(**options | {"num_blocks": 1})
    assign_waves(model)
    return model


def run(path, low_resolution=LOW_RESOLUTION):
    network = LiteRTNetwork(path)
    if network.dtype == np.float32:
        low_resolution = low_resolution.astype(np.float32) / 255
    return network(low_resolution)


def compute(model, low_resolution=LOW_RESOLUTION):
    return to_numpy(model(low_resolution.astype(np.float32) / 255, training=False))


def pieces(path):
    """Into how many parts XNNPACK's delegate divides a file."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return sum(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details())


def quantizations(path):
    """Scale and zero point of every tensor of 8-bit integers but the weights."""
    details = Interpreter(str(path)).get_tensor_details()
    return [
        (np.float32(tensor["quantization"][0]), tensor["quantization"][1])
        for tensor in details
        if tensor["dtype"] == np.int8 and len(tensor["shape_signature"]) == 4 and -1 in tensor["shape_signature"]
    ]


@pytest.mark.parametrize("name", ["imdn-both", "idn-both", "fsrcnn-deconvolution", "shallow_edsr-sa"])
def test_delegates_get_one_piece_and_no_shapes(name, tmp_path):
    model = build(name)
    write_litert(model, ExportOptions(tmp_path / "any.tflite"))
    write_litert(model, ExportOptions(tmp_path / "static.tflite", shape=(24, 20)))
    for file, shape in (("any.tflite", None), ("static.tflite", (24, 20))):
        assert pieces(tmp_path / file) == 1
        assert LiteRTNetwork(tmp_path / file).shape == shape
        assert not {"SHAPE", "PACK", "SPLIT_V", "GATHER"} & read_litert_file(tmp_path / file).operators.keys()
        assert_close(run(tmp_path / file), compute(model), atol=1e-4)


@pytest.mark.parametrize("shape", [None, (24, 20)])
def test_enhanced_spatial_attention_resizes_by_an_operator_of_its_own(shape, tmp_path):
    model, path = build("shallow_edsr-esa"), tmp_path / "network.tflite"
    write_litert(model, ExportOptions(path, shape=shape))
    assert_close(run(path), compute(model), atol=1e-4)
    assert "RESIZE_BILINEAR" in read_litert_file(path).operators
    write_litert(model, ExportOptions(path, shape=shape, quantize="int8", representative=PICTURES, io="uint8"))
    assert_close(run(path) / 255, compute(model).clip(0, 1), atol=0.2)


def test_weights_of_fewer_bits_make_smaller_files(tmp_path):
    model = zoo.shallow_edsr(2, num_filters=32, num_blocks=1)
    sizes = {}
    for quantize in ("none", "float16", "dynamic", "int8"):
        path = tmp_path / f"{quantize}.tflite"
        write_litert(
            model, ExportOptions(path, quantize=quantize, representative=PICTURES if quantize == "int8" else None)
        )
        sizes[quantize] = path.stat().st_size / model.count_params()
    assert sizes["none"] < 4.5 and sizes["float16"] < 2.5 and max(sizes["dynamic"], sizes["int8"]) < 1.5
    assert read_litert_file(tmp_path / "none.tflite").floats and not read_litert_file(tmp_path / "int8.tflite").floats


@pytest.mark.parametrize("name", ["fsrcnn-plain", "edsr_baseline-plain"])
def test_bytes_are_the_integers_of_an_int8_file(name, tmp_path):
    """The last convolution saturates where the picture ends, before its pixels are rearranged."""
    model = build(name)
    darker = [picture // 2 for picture in PICTURES]  # Their own range is [0, 0.5].
    write_litert(model, ExportOptions(tmp_path / "bytes.tflite", quantize="int8", representative=darker, io="uint8"))
    network = LiteRTNetwork(tmp_path / "bytes.tflite")
    for tensor in (network.input, network.output):
        assert (tensor["dtype"], np.float32(tensor["scale"]), tensor["zero_point"]) == ("uint8", STEP, 0)
    first, *_, last = quantizations(tmp_path / "bytes.tflite")
    assert first == last == (STEP, -128)
    assert not {"MINIMUM", "RELU", "RELU_0_TO_1"} & read_litert_file(tmp_path / "bytes.tflite").operators.keys()

    write_litert(model, ExportOptions(tmp_path / "floats.tflite", quantize="int8", representative=darker))
    operators = read_litert_file(tmp_path / "floats.tflite").operators
    assert operators["QUANTIZE"] == operators["DEQUANTIZE"] == 1
    assert_close(run(tmp_path / "floats.tflite") * 255, run(tmp_path / "bytes.tflite"), atol=1e-3)


@pytest.mark.parametrize("quantize", ["none", "float16", "dynamic"])
def test_bytes_in_and_out_of_a_file_of_floats(quantize, tmp_path):
    model = build("carn-plain")
    write_litert(model, ExportOptions(tmp_path / "network.tflite", quantize=quantize, io="uint8"))
    result = run(tmp_path / "network.tflite")
    assert result.dtype == np.uint8
    assert_close(result, np.floor(compute(model).clip(0, 1) * 255 + 0.5), atol=1)
    assert len(np.unique(result)) > 100


def test_the_same_pictures_give_the_same_file(tmp_path):
    model = build("fsrcnn-plain")
    for name in ("a.tflite", "b.tflite"):
        write_litert(model, ExportOptions(tmp_path / name, quantize="int8", representative=PICTURES))
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


class Bessel(keras.layers.Layer):
    """LiteRT has no operator for it."""

    def call(self, inputs):
        return tf.math.bessel_i0(inputs)


class SixDimensions(keras.layers.Layer):
    """Pixels in another order, as depth to space by hand has them."""

    def call(self, inputs):
        inputs = tf.reshape(inputs, (1, 12, 2, 10, 2, 3))
        return tf.reshape(tf.transpose(inputs, (0, 1, 3, 2, 4, 5)), (1, 24, 20, 3))


@pytest.mark.parametrize(
    ("layer", "message"), [(Bessel(), r"`model`.*tf.BesselI0"), (SixDimensions(), "4 dimensions.* 6")]
)
def test_what_delegates_cannot_run_is_refused(layer, message, tmp_path):
    inputs = keras.Input((24, 20, 3), batch_size=1)
    model = keras.Model(inputs, layer(inputs), name="odd")
    with pytest.raises(ValueError, match=message):
        write_litert(model, ExportOptions(tmp_path / "network.tflite", shape=(24, 20)))


def test_channels_that_a_normalization_makes_alike_are_rounded_alike(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(8, 3, padding="same")(inputs)
    normalization = keras.layers.BatchNormalization()
    features = keras.layers.ReLU()(normalization(keras.layers.Add()([features, features])))
    model = keras.Model(inputs, keras.layers.Rescaling(0.1, 0.5)(keras.layers.Conv2D(3, 1)(features)))
    sizes = np.geomspace(0.02, 1, 8).astype(np.float32)  # Gains of up to 50, which had one step of 8 bits for all.
    normalization.set_weights([np.ones(8), np.full(8, 0.1), np.zeros(8), sizes**2])
    kernel, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([kernel * sizes, bias])

    write_litert(model, ExportOptions(tmp_path / "integers.tflite", quantize="int8", representative=PICTURES))
    error = np.mean((run(tmp_path / "integers.tflite") - compute(model).clip(0, 1)) ** 2)
    assert -10 * np.log10(error) > 47  # Before, 45.
    operators = read_litert_file(tmp_path / "integers.tflite").operators
    assert "MUL" not in operators and operators["DEPTHWISE_CONV_2D"] == 1


def test_integers_have_no_operator_that_runs_outside_of_the_delegate_on_features(tmp_path):
    """SQUARED_DIFFERENCE, which took IMDN longer than all its convolutions."""
    model = build("imdn-plain")
    write_litert(model, ExportOptions(tmp_path / "integers.tflite", quantize="int8", representative=PICTURES))
    assert "SQUARED_DIFFERENCE" not in read_litert_file(tmp_path / "integers.tflite").operators
    assert_close(run(tmp_path / "integers.tflite"), compute(model).clip(0, 1), atol=0.05)
