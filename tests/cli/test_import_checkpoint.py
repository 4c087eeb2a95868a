import keras
import numpy as np
import pytest
import torch
from command_line import run

from keras_lisr import zoo


@pytest.fixture
def checkpoint(tmp_path):
    """A small CARN for x2 in the official layout, with zeros, wrapped as by DataParallel."""
    tensors = {}

    def add(name, outputs, inputs, size):
        tensors[f"module.{name}.weight"] = torch.zeros(outputs, inputs, size, size)
        tensors[f"module.{name}.bias"] = torch.full((outputs,), 0.25)

    add("entry", 4, 3, 3)
    for step in (0, 2):
        add(f"b1.b1.body.{step}", 4, 4, 3)
    add("b1.c1.body.0", 4, 8, 1)
    add("c1.body.0", 4, 8, 1)
    add("upsample.up.body.0", 16, 4, 3)
    add("exit", 3, 4, 3)
    torch.save(tensors, tmp_path / "carn.pth")
    return tmp_path / "carn.pth"


def test_a_checkpoint_becomes_a_model_that_the_other_commands_take(checkpoint, tmp_path, picture, capsys):
    output = tmp_path / "teachers" / "x2" / "carn.keras"  # In folders that are made.
    assert run("import", checkpoint, "--architecture", "carn", "--scale", 2, "-o", output) == 0
    printed, errors = capsys.readouterr()
    assert printed == f"{output}: carn x2, 1,183 parameters from {checkpoint} (module.*)\n" and not errors
    model = keras.models.load_model(output)
    upscaled = keras.ops.convert_to_numpy(model(np.zeros((1, 4, 5, 3), "float32")))
    expected = np.broadcast_to(0.25 + np.array(zoo.skeleton.DIV2K_MEAN), upscaled.shape)
    np.testing.assert_allclose(upscaled, expected, atol=1e-6)
    assert run("upscale", picture, "-n", output) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["FILE", "--architecture", "imdn", "--scale", "2", "-o", "OUT"], "the official 'imdn' for x2"),
        (["FILE", "--architecture", "idn", "--scale", "2", "-o", "OUT"], "'idn'"),
        (["FILE", "--architecture", "carn", "--scale", "2", "-o", "out.h5"], "OUT"),
        (["FILE", "--architecture", "imdn", "--scale", "2", "-o", "NEW"], "the official 'imdn'"),
        (["FILE", "--architecture", "carn", "--scale", "2", "-o", "INSIDE"], "`path`"),
        (["missing.pth", "--architecture", "carn", "--scale", "2", "-o", "OUT"], "`file`"),
    ],
)
def test_errors_are_one_line_exit_code_2_and_no_file(checkpoint, tmp_path, capsys, arguments, message):
    paths = {"FILE": checkpoint, "OUT": tmp_path / "out.keras", "NEW": tmp_path / "gone" / "out.keras"}
    paths["INSIDE"] = checkpoint / "out.keras"
    before = sorted(tmp_path.iterdir())
    assert run("import", *(paths.get(argument, argument) for argument in arguments)) == 2
    printed, errors = capsys.readouterr()
    assert message in errors and errors.count("\n") == 1 and not printed
    assert sorted(tmp_path.iterdir()) == before
