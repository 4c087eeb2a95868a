import shutil

import numpy as np
import pytest
from PIL import Image

from keras_lisr.data import Degradation, pack_images
from keras_lisr.training import Recipe, command, warmup_cosine
from keras_lisr.zoo import fsrcnn


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
    """What the command hands to `fit`, which does not run."""
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


def test_steps_and_sizes_can_be_changed(photographs, fitted, tmp_path):
    sizes = ["--steps", "7", "--batch-size", "3", "--patch-size", "8"]
    assert command.main(recipe, [*sizes, "--data", str(photographs), "--output", str(tmp_path / "run")]) == 0
    made = fitted[0][0]
    assert (made.steps, made.batch_size, made.patch_size) == (7, 3, 8)


def test_the_optimizer_can_be_changed(photographs, fitted, tmp_path):
    flags = ["--data", str(photographs), "--output", str(tmp_path / "run")]
    assert command.main(recipe, [*flags, "--optimizer", "muon", "--learning-rate", "2e-3"]) == 0
    assert (fitted[0][0].optimizer, fitted[0][0].learning_rate) == ("muon", 2e-3)
    assert command.main(recipe, [*flags, "--optimizer", "sgd"]) == 2


@pytest.mark.parametrize("cached", [False, True])
def test_a_teacher_labels_what_is_trained_on(photographs, fitted, tmp_path, cached):
    fsrcnn(2, num_filters=4, num_shrunk_filters=2, num_blocks=1).save(tmp_path / "teacher.keras")
    flags = [
        "--data",
        str(photographs),
        "--output",
        str(tmp_path / "run"),
        "--teacher",
        str(tmp_path / "teacher.keras"),
    ]
    assert command.main(recipe, [*flags, *(["--cache", str(tmp_path / "cache")] if cached else [])]) == 0
    _, training, _, options = fitted[0]
    assert [label.shape for label in training.labels] == [image.shape for image in training.high_resolution]
    assert options["validation"].labels is None
    assert any(tmp_path.glob("cache/*/labels_x2/*.npy")) is cached


def test_degradation_is_off_by_default(photographs, fitted, tmp_path):
    fixed = ["--data", str(photographs), "--output", str(tmp_path / "run")]
    for flags in ([], ["--degrade"]):
        assert command.main(recipe, fixed + flags) == 0
    assert [made.degradation for made, *_ in fitted] == [None, Degradation()]


def test_whole_photographs_are_held_out(photographs, fitted, tmp_path):
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run")]) == 0
    _, train, _, options = fitted[0]
    assert len(train) == 1 and len(options["validation"]) == 2


def test_packed_images_are_held_out_by_photograph_too(photographs, fitted, tmp_path):
    packed, run = tmp_path / "packed.npz", str(tmp_path / "run")
    pack_images(sorted(photographs.iterdir()), packed)
    assert command.main(recipe, ["--data", str(packed), "--output", run]) == 0
    assert command.main(recipe, ["--data", str(photographs), "--output", run]) == 0
    for of_packed, of_folder in zip(*[(train, options["validation"]) for _, train, _, options in fitted], strict=True):
        assert of_packed.fingerprint() == of_folder.fingerprint()


def test_separate_validation(photographs, fitted, tmp_path):
    flags = ["--data", str(photographs), "--validation", str(photographs), "--output", str(tmp_path / "run")]
    assert command.main(recipe, flags) == 0
    _, train, _, options = fitted[0]
    assert len(train) == 3 and len(options["validation"]) == 3


def test_a_single_photograph_is_too_few(photographs, tmp_path, capsys):
    (photographs / "b_1.png").unlink()
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run")]) == 2
    assert "`data`" in capsys.readouterr().err


def test_what_does_not_fit_into_memory_goes_into_a_store(photographs, fitted, tmp_path, capsys):
    run = tmp_path / "run"
    flags = ["--data", str(photographs), "--output", str(run)]
    assert command.main(recipe, [*flags, "--memory", "0.000001"]) == 0
    assert f"{run}/cache" in capsys.readouterr().err
    assert list(run.glob("cache/photographs_*/high_resolution/*.npy"))
    assert command.main(recipe, [*flags, "--cache", str(tmp_path / "cache")]) == 0
    assert command.main(recipe, flags) == 0
    assert len({train.fingerprint() for _, train, _, _ in fitted}) == 1
    assert len(list(tmp_path.glob("cache/*/high_resolution/*.npy"))) == 3


def test_folders_of_the_same_name_have_caches_of_their_own(photographs, fitted, tmp_path):
    other = tmp_path / "other" / photographs.name
    shutil.copytree(photographs, other)
    flags = ["--output", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    assert command.main(recipe, ["--data", str(photographs), "--validation", str(other), *flags]) == 0
    assert len(list(tmp_path.glob("cache/photographs_*"))) == 2


def test_few_of_many_photographs_are_held_out(fitted, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(1000):
        Image.fromarray(np.full((16, 16, 3), i % 256, np.uint8)).save(folder / f"IMG{i:04}.png")
    assert command.main(recipe, ["--data", str(folder), "--output", str(tmp_path / "run")]) == 0
    _, train, _, options = fitted[0]
    assert (len(train), len(options["validation"])) == (968, 32)


def test_images_that_are_left_out_are_handed_on(photographs, fitted, tmp_path):
    (photographs / "b_2.png").write_text("no image")
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run")]) == 0
    assert list(fitted[0][1].left_out) == ["b_2.png"]


COUNTS = ["--steps", "--batch-size", "--patch-size", "--steps-per-epoch"]


@pytest.mark.parametrize(
    ("flag", "value"),
    [(flag, value) for flag in COUNTS for value in ("0", "-5", "1.5")]
    + [(flag, value) for flag in ("--hours", "--memory") for value in ("-1", "nan", "inf")],
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
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "change", [["--output", "FILE"], ["--cache", "FILE"], ["--from", "FILE"], ["--from", "imdn_x9"]]
)
def test_what_would_stop_the_run_is_found_before_the_images_are_read(
    photographs, fitted, tmp_path, monkeypatch, capsys, change
):
    monkeypatch.setattr(command, "read_data", lambda *arguments: pytest.fail("The images were read."))
    (tmp_path / "file.keras").write_text("neither a folder nor a model")
    change = [text.replace("FILE", str(tmp_path / "file.keras")) for text in change]
    assert command.main(recipe, ["--data", str(photographs), "--output", str(tmp_path / "run"), *change]) == 2
    assert change[-1] in capsys.readouterr().err


def test_a_run_that_is_done_says_so_and_reads_nothing(photographs, fitted, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "step_00000004.keras").touch()
    flags = ["--data", str(photographs), "--output", str(run)]
    assert command.main(recipe, [*flags, "--steps", "5"]) == 0 and len(fitted) == 1
    monkeypatch.setattr(command, "read_data", lambda *arguments: pytest.fail("The images were read."))
    assert command.main(recipe, flags) == 0 and len(fitted) == 1
    assert str(run) in capsys.readouterr().err


def test_the_memory_is_that_of_the_control_group(tmp_path):
    machine = command.bytes_of_memory(tmp_path / "none")
    cgroup, root = tmp_path / "cgroup", tmp_path / "sys"
    (root / "job" / "step").mkdir(parents=True)
    (root / "memory" / "slurm").mkdir(parents=True)
    cgroup.write_text("0::/job/step\n")
    (root / "job" / "step" / "memory.max").write_text("max\n")
    assert command.bytes_of_memory(cgroup, root) == machine
    (root / "job" / "memory.max").write_text("1000000\n")
    assert command.bytes_of_memory(cgroup, root) == 1_000_000
    cgroup.write_text("9:cpu:/\n4:memory:/slurm/job_1\n")
    (root / "memory" / "slurm" / "memory.limit_in_bytes").write_text("2000000\n")
    assert command.bytes_of_memory(cgroup, root) == 2_000_000
    cgroup.write_text("0::/docker/of_the_host\n")  # As a container sees the name of its own group.
    (root / "memory.max").write_text("3000000\n")
    assert command.bytes_of_memory(cgroup, root) == 3_000_000
