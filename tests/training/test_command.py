import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_lisr import zoo
from keras_lisr.data import Degradation
from keras_lisr.training import Recipe, command, warmup_cosine
from keras_lisr.zoo import fsrcnn, load_model


def recipe(scale: int = 2, *, ggas: bool = False) -> Recipe:
    return Recipe(
        build=lambda: fsrcnn(scale, ggas=ggas, num_filters=4, num_shrunk_filters=2, num_blocks=1),
        scale=scale,
        steps=4,
        learning_rate=1e-3,
        schedule=warmup_cosine(1),
        patch_size=16,
        batch_size=2,
    )


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("a_1", "a_2", "b_1"):
        Image.fromarray(random.integers(256, size=(24, 24, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def fitted(monkeypatch):
    """The arguments that the command hands to `fit`, which does not run."""
    calls = []
    monkeypatch.setattr(command, "fit", lambda *arguments, **options: calls.append((*arguments, options)))
    return calls


def test_flags_come_from_the_recipes_signature(photographs, fitted, tmp_path):
    flags = ["--scale", "3", "--ggas", "--data", str(photographs), "--output", str(tmp_path / "run")]
    assert command.main(recipe, flags) == 0
    made = fitted[0][0]
    assert made.scale == 3
    assert "global_attention" in {layer.name for layer in made.build().layers}
    assert command.main(recipe, [*flags, "--cwss"]) == 2


def test_a_recipe_can_be_changed(photographs, fitted, tmp_path):
    changes = {"steps": 7, "batch_size": 3, "patch_size": 8, "optimizer": "muon", "learning_rate": 2e-3}
    flags = [text for name, value in changes.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    fixed = ["--data", str(photographs), "--output", str(tmp_path / "run")]
    assert command.main(recipe, [*fixed, *flags]) == 0
    assert command.main(recipe, [*fixed, "--degrade"]) == 0
    assert {name: getattr(fitted[0][0], name) for name in changes} == changes
    assert [made.degradation for made, *_ in fitted] == [None, Degradation()]
    assert command.main(recipe, [*fixed, "--optimizer", "sgd"]) == 2


def test_a_fine_tuned_network_keeps_its_options(photographs, tmp_path, capsys):
    network = recipe(2, ggas=True).build()
    network.save(tmp_path / "trained.keras")
    flags = ["--data", str(photographs), "--output", str(tmp_path / "run"), "--from", str(tmp_path / "trained.keras")]
    flags += ["--steps-per-epoch", "2", "--steps"]
    for change in (["--no-ggas"], ["--patch-size", "400"], ["--low", str(tmp_path / "run")]):
        assert command.main(recipe, [*flags, "2", *change]) == 2
        assert capsys.readouterr().err.count("error:") == 1 and not (tmp_path / "run").exists()
    for steps in "24":  # The second goes on.
        assert command.main(recipe, [*flags, steps, "--learning-rate", "0", "--precision", "float32"]) == 0
    trained = load_model(tmp_path / "run" / "averaged.keras")
    for mine, yours in zip(trained.trainable_weights, network.trainable_weights, strict=True):
        np.testing.assert_allclose(mine, yours, atol=1e-6)


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        ([], {}),
        (["--attention", "none", "--no-ggas", "--scale", "3"], {"ggas": False, "scale": 3}),
        (["--attention", "cca"], {"attention": "cca"}),
    ],
)
def test_options_of_a_preset_are_taken_unless_others_are_given(monkeypatch, flags, changes):
    networks = []
    monkeypatch.setattr(command, "warm_start", lambda network, start_from: networks.append(network))
    monkeypatch.setattr(command, "read_data", lambda *arguments, **options: ([], []))
    monkeypatch.setattr(command, "fit", lambda *arguments, **options: None)
    imdn = runpy.run_path(str(Path(__file__).parents[2] / "training" / "imdn.py"))["recipe"]
    assert command.main(imdn, ["--data", "a", "--output", "b", "--from", "imdn_x4", *flags]) == 0
    expected = zoo.imdn(**{"ggas": True, "cwss": True, "attention": None, **changes})
    assert {weight.path for weight in networks[0].weights} == {weight.path for weight in expected.weights}
    assert networks[0].count_params() == expected.count_params()


def test_the_size_of_a_trained_network_is_taken(photographs, fitted, tmp_path):
    small = zoo.imdn(4, num_filters=16, num_blocks=2, attention=None)
    small.save(tmp_path / "small.keras")
    imdn = runpy.run_path(str(Path(__file__).parents[2] / "training" / "imdn.py"))["recipe"]
    flags = ["--data", str(photographs), "--output", str(tmp_path / "run"), "--from", str(tmp_path / "small.keras")]
    assert command.main(imdn, [*flags, "--patch-size", "16"]) == 0
    assert fitted[0][0].build().count_params() == small.count_params()


def test_low_resolution_can_be_named(photographs, fitted, tmp_path):
    for name in ("a_1", "a_2", "b_1"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        Image.new("RGB", (12, 12), "red").save(tmp_path / "mine" / f"{name}.png")
    flags = ["--data", str(photographs), "--output", str(tmp_path / "run"), "--low", str(tmp_path / "mine")]
    assert command.main(recipe, flags) == 0
    (_, training, _, options) = fitted[0]
    assert all((low == (255, 0, 0)).all() for low in (*training.low_resolution, *options["validation"].low_resolution))


def test_a_teacher_labels_what_is_trained_on(photographs, fitted, tmp_path):
    teacher, run = tmp_path / "teacher.keras", tmp_path / "run"
    fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1).save(teacher)
    flags = ["--data", str(photographs), "--output", str(run), "--teacher", str(teacher)]
    assert command.main(recipe, flags) == 0
    _, training, _, options = fitted[0]
    assert [label.shape for label in training.labels] == [image.shape for image in training.high_resolution]
    assert options["validation"].labels is None
    assert any(run.glob("cache/*/labels_x2/*.npy"))


def test_whole_photographs_are_held_out_unless_others_are_given(photographs, fitted, tmp_path):
    flags = ["--data", str(photographs), "--output", str(tmp_path / "run")]
    assert command.main(recipe, flags) == command.main(recipe, [*flags, "--validation", str(photographs)]) == 0
    assert [(len(train), len(options["validation"])) for _, train, _, options in fitted] == [(1, 2), (3, 3)]


def test_a_single_photograph_is_too_few(photographs, tmp_path, capsys):
    (photographs / "b_1.png").unlink()
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run")]) == 2
    assert "`data`" in capsys.readouterr().err


def test_folders_of_the_same_name_have_caches_of_their_own(photographs, fitted, tmp_path):
    other = tmp_path / "other" / photographs.name
    shutil.copytree(photographs, other)
    flags = ["--output", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    assert command.main(recipe, ["--data", str(photographs), "--validation", str(other), *flags]) == 0
    assert len(list(tmp_path.glob("cache/photographs_*"))) == 2


def test_images_are_decoded_once_for_all_runs(photographs, fitted, tmp_path):
    for name in ("one", "other"):
        flags = ["--data", str(photographs), "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / name)]
        assert command.main(recipe, flags) == 0
    assert len(list(tmp_path.glob("cache/photographs_*/high_resolution/*.npy"))) == 3


def test_images_that_are_left_out_are_handed_on(photographs, fitted, tmp_path):
    (photographs / "b_2.png").write_text("no image")
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run")]) == 0
    assert list(fitted[0][1].left_out) == ["b_2.png"]


@pytest.mark.parametrize(
    ("flag", "value"), [("--steps", "0"), ("--batch-size", "1.5"), ("--hours", "-1"), ("--hours", "nan")]
)
def test_numbers_that_make_no_sense_are_refused(photographs, fitted, tmp_path, capsys, flag, value):
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run"), flag, value]) == 2
    errors = capsys.readouterr().err
    assert flag in errors and errors.count("\n") == 1
    assert not fitted


@pytest.mark.parametrize("change", [["--data", "nowhere"], ["--patch-size", "15"], ["--patch-size", "400"]])
def test_bad_input_is_one_line_and_exit_code_2(photographs, tmp_path, capsys, change):
    flags = ["--data", str(photographs), "--output", str(tmp_path / "run"), *change]
    assert command.main(recipe, flags) == 2
    *_, last = capsys.readouterr().err.splitlines()  # What was found comes before.
    assert "error: `" in last
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flag", ["--from", "--teacher"])
def test_an_unknown_model_is_found_before_the_images_are_read(photographs, tmp_path, capsys, monkeypatch, flag):
    monkeypatch.setattr(command, "read_data", lambda *arguments: pytest.fail("The images were read."))
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run"), flag, "imdn_x9"]) == 2
    assert "imdn_x9" in capsys.readouterr().err


def test_a_run_that_is_done_says_so_and_reads_nothing(photographs, fitted, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "step_00000004.keras").touch()
    flags = ["--data", str(photographs), "--output", str(run)]
    assert command.main(recipe, [*flags, "--steps", "5"]) == 0 and len(fitted) == 1
    monkeypatch.setattr(command, "read_data", lambda *arguments: pytest.fail("The images were read."))
    assert command.main(recipe, flags) == 0 and len(fitted) == 1
    assert str(run) in capsys.readouterr().err
