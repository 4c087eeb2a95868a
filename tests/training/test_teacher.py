import keras
import numpy as np
import pytest

from keras_lisr.data import pair_images
from keras_lisr.inference import Upscaler
from keras_lisr.training.teacher import label_pairs, pair_with_labels
from keras_lisr.zoo import fsrcnn, imdn


@pytest.fixture(scope="module")
def teacher():
    keras.utils.set_random_seed(0)
    return fsrcnn(2, num_filters=8, num_shrunk_filters=4, num_blocks=1)


@pytest.fixture
def pairs():
    random = np.random.default_rng(0)
    images = {name: random.integers(256, size=(48, 56, 3), dtype=np.uint8) for name in ("lake", "tree", "town")}
    return pair_images(images, 2)


def labels_of(pairs, teacher, **options):
    upscaler = Upscaler(teacher, precision="float32", **options)
    return [upscaler(image) for image in pairs.low_resolution]


@pytest.mark.parametrize("self_ensemble", [False, True])
def test_labels_are_what_the_teacher_makes_of_the_low_resolution(pairs, teacher, self_ensemble):
    labelled = label_pairs(pairs, teacher, 2, self_ensemble=self_ensemble)
    assert labelled.names == pairs.names and labelled.fingerprint() == pairs.fingerprint()
    np.testing.assert_array_equal(list(labelled.labels), labels_of(pairs, teacher, self_ensemble=self_ensemble))


def test_a_file_teaches_too_and_must_have_the_scale(pairs, teacher, tmp_path):
    teacher.save(tmp_path / "teacher.keras")
    labelled = label_pairs(pairs, tmp_path / "teacher.keras", 2)
    np.testing.assert_array_equal(list(labelled.labels), labels_of(pairs, teacher))
    assert labelled.teacher == str(tmp_path / "teacher.keras")
    with pytest.raises(ValueError, match="`teacher`"):
        label_pairs(pairs, tmp_path / "teacher.keras", 3)


def test_labels_are_kept_and_made_again_for_another_teacher(pairs, teacher, tmp_path):
    label_pairs(pairs, teacher, 2, store=tmp_path)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    assert len(written) == 3
    kept = label_pairs(pairs, teacher, 2, store=tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")} == written
    np.testing.assert_array_equal(list(kept.labels), labels_of(pairs, teacher))
    other = fsrcnn(2, num_filters=8, num_shrunk_filters=4, num_blocks=1)
    again = label_pairs(pairs, other, 2, store=tmp_path)
    np.testing.assert_array_equal(list(again.labels), labels_of(pairs, other))


def test_pictures_without_a_high_resolution_are_labelled(teacher):
    image = np.random.default_rng(0).integers(256, size=(20, 24, 3), dtype=np.uint8)
    pairs = pair_with_labels([image], teacher, 2)
    np.testing.assert_array_equal(pairs.low_resolution[0], image)
    np.testing.assert_array_equal(pairs.high_resolution[0], Upscaler(teacher, precision="float32")(image))


def test_what_the_teacher_cannot_label_is_left_out(pairs, tmp_path):
    teacher = imdn(2, num_filters=16, num_blocks=1, attention="esa")  # Needs 15 pixels a side.
    tiny = np.zeros((20, 20, 3), np.uint8)
    mixed = pair_images({"tiny": tiny, **dict(zip(pairs.names, pairs.high_resolution, strict=True))}, 2)
    labelled = label_pairs(mixed, teacher, 2)
    assert labelled.names == list(pairs.names)
    assert "15" in labelled.left_out["tiny"]
    with pytest.raises(ValueError, match="`teacher`"):
        label_pairs(pair_images({"tiny": tiny}, 2), teacher, 2)


def test_selected_pairs_keep_their_labels(pairs, teacher):
    labelled = label_pairs(pairs, teacher, 2)
    np.testing.assert_array_equal(labelled.select(["town"]).labels[0], labelled.labels[2])
    assert labelled.select(["town"]).teacher == teacher.name
