import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_lisr.data.image_pairs import pair_images, read_pairs
from keras_lisr.data.imresize import imresize


def picture(seed, height=24, width=30):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def save(image, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(file)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photographs"
    for name, image in {"a.png": picture(0), "sub/b.png": picture(1, 26, 31), "c.tif": picture(2)}.items():
        save(image, folder / name)
    return folder


@pytest.fixture(params=["memory", "store"])
def store(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "store"


def test_pairs_of_arrays():
    images = [picture(0), picture(1, 25, 31)]
    pairs = pair_images(images, 4)
    assert len(pairs) == 2 and list(pairs.names) == ["0", "1"]
    for (low_resolution, high_resolution), image in zip(pairs, images, strict=True):
        np.testing.assert_array_equal(high_resolution, image[:24, :28])
        np.testing.assert_array_equal(low_resolution, imresize(image[:24, :28], 1 / 4))


HIGH = [picture(0), picture(1, 26, 31), picture(2)]
LOW = [picture(10 + i, len(image) // 4, image.shape[1] // 4) for i, image in enumerate(HIGH)]


class Batches(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()

    def __len__(self):
        return 2

    def __getitem__(self, index):
        chosen = [[0, 2], [1]][index]
        return np.stack([LOW[i] for i in chosen]), np.stack([HIGH[i] for i in chosen])


def as_tfds():
    """As the builder of `div2k` gives them: dictionaries, or pairs of low and high resolution, of many sizes."""
    shapes = {name: tf.TensorSpec((None, None, 3), tf.uint8) for name in ("lr", "hr")}
    examples = [{"lr": low, "hr": high} for low, high in zip(LOW, HIGH, strict=True)]
    return tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=shapes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: list(zip(LOW, HIGH, strict=True)),
        lambda: zip(LOW, HIGH, strict=True),
        lambda: [{"lr": low, "hr": high} for low, high in zip(LOW, HIGH, strict=True)],
        lambda: (LOW, HIGH),
        lambda: {"lr": LOW, "hr": HIGH},
        lambda: {name: (low, high) for name, low, high in zip("abc", LOW, HIGH, strict=True)},
        lambda: [(tf.constant(low), tf.constant(high)) for low, high in zip(LOW, HIGH, strict=True)],
        as_tfds,
        lambda: as_tfds().map(lambda example: (example["lr"], example["hr"])),
        lambda: as_tfds().batch(1),
        lambda: as_tfds().as_numpy_iterator(),
        Batches,
    ],
)
def test_pairs_in_memory_are_taken_as_keras_and_tfds_have_them(make):
    pairs = pair_images(make(), 4)
    found = {low.tobytes(): high for low, high in pairs}
    assert len(pairs) == 3
    for low, high in zip(LOW, HIGH, strict=True):
        np.testing.assert_array_equal(found[low.tobytes()], high[: len(low) * 4, : low.shape[1] * 4])
    assert pair_images(pairs, 4) is pairs


@pytest.mark.parametrize("make", [np.stack, list, tf.data.Dataset.from_tensor_slices, iter])
def test_originals_are_taken_likewise(make):
    images = [HIGH[0], HIGH[2]]
    assert pair_images(make(images), 4).fingerprint() == pair_images(images, 4).fingerprint()


@pytest.mark.parametrize(
    "images",
    [
        [HIGH[0] / 255],
        [(HIGH[0] / 255).astype("f4")],
        [HIGH[0][..., 0]],
        HIGH[0],
        [HIGH[0].astype(np.int64)],
        [np.dstack([HIGH[0], HIGH[0]])],
        [Image.fromarray(HIGH[0])],
        ["a.png"],
        [{"low": LOW[0], "high": HIGH[0]}],
        [(HIGH[0], LOW[0])],
        [(LOW[0][1:], HIGH[0])],
        [(LOW[0], HIGH[0], HIGH[0])],
        (LOW, HIGH[:2]),
        [*LOW, *HIGH],
        [np.stack(LOW[::2]), np.stack(HIGH[::2])],
        {"input": np.stack(LOW[::2]), "target": np.stack(HIGH[::2])},
        [tf.constant(LOW[1]), tf.constant(HIGH[1])],
        None,
        1,
        tf.data.Dataset.from_tensors(HIGH[0]).repeat(),
        as_tfds().ragged_batch(3),
    ],
)
def test_other_kinds_are_refused_in_a_line(images):
    with pytest.raises(ValueError, match="`images`") as refused:
        pair_images(images, 4)
    assert "\n" not in str(refused.value)


def test_pairs_of_a_folder_are_those_of_its_arrays(folder, store):
    pairs = read_pairs(folder, 4, store=store)
    assert pairs.names == ["a.png", "c.tif", "sub/b.png"]
    expected = pair_images([picture(0), picture(2), picture(1, 26, 31)], 4)
    for mine, yours in zip(pairs, expected, strict=True):
        np.testing.assert_array_equal(mine[0], yours[0])
        np.testing.assert_array_equal(mine[1], yours[1])
    assert pairs.left_out == {} and pairs.fingerprint() == expected.fingerprint()


def test_a_fingerprint_knows_pixels_shapes_and_order():
    images = [picture(0), picture(1)]
    changed = [images[0].copy(), images[1]]
    changed[0][0, 0, 0] ^= 1
    turned = [np.ascontiguousarray(image.swapaxes(0, 1)) for image in images]
    variants = [
        pair_images(variant, 2).fingerprint() for variant in (images, images[::-1], images[:1], changed, turned)
    ]
    assert len(set(variants)) == 5
    assert pair_images(images, 2).fingerprint() == variants[0] != pair_images(images, 3).fingerprint()


def test_selection_keeps_what_belongs_together(folder, store):
    pairs = read_pairs(folder, 4, store=store)
    chosen = pairs.select(["sub/b.png", "a.png"])
    assert chosen.names == ["sub/b.png", "a.png"]
    np.testing.assert_array_equal(chosen.low_resolution[1], pairs.low_resolution[0])
    np.testing.assert_array_equal(chosen.high_resolution[0], pairs.high_resolution[2])


def test_broken_and_small_images_are_listed_and_left_out(folder, store, caplog):
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "text.jpg").write_text("no image")
    save(picture(3, 12, 30), folder / "small.png")
    pairs = read_pairs(folder, 4, smallest_side=16, store=store)
    assert pairs.names == ["a.png", "c.tif", "sub/b.png"]
    assert set(pairs.left_out) == {"broken.png", "text.jpg", "small.png"}
    assert "30 x 12" in pairs.left_out["small.png"]
    assert all(name in caplog.text for name in pairs.left_out)


def test_nothing_left_is_an_error_and_progress_is_shown(folder):
    shown = []

    def progress(images, **options):
        shown.append(options)
        return images

    with pytest.raises(ValueError, match="`folder`"):
        read_pairs(folder, 4, smallest_side=64, progress=progress)
    assert shown == [{"total": 3, "desc": name} for name in ("high_resolution", "low_resolution_x4")]


def test_a_changed_file_is_noticed_in_a_store(folder, tmp_path):
    before = read_pairs(folder, 4, store=tmp_path / "store")
    save(picture(9), folder / "a.png")
    after = read_pairs(folder, 4, store=tmp_path / "store")
    np.testing.assert_array_equal(after.high_resolution[0], picture(9)[:, :28])
    np.testing.assert_array_equal(after.low_resolution[0], imresize(picture(9)[:, :28], 1 / 4))
    assert before.fingerprint() != after.fingerprint()


def test_a_store_serves_several_scales(folder, tmp_path):
    for scale in (2, 4):
        read_pairs(folder, scale, store=tmp_path / "store")
    folders = {path.name: len(list(path.glob("*.npy"))) for path in (tmp_path / "store").iterdir()}
    assert folders == {"high_resolution": 3, "low_resolution_x2": 3, "low_resolution_x4": 3}


def test_low_resolution_of_another_size_is_left_out(tmp_path, store):
    for i in range(2):
        save(picture(i), tmp_path / "HR" / f"{i}.png")
        save(picture(9, 6, 7 + i), tmp_path / "LR_bicubic" / "X4" / f"{i}x4.png")
    pairs = read_pairs(tmp_path, 4, store=store)
    assert pairs.names == ["0.png"]
    assert "(6, 8)" in pairs.left_out["1.png"]
