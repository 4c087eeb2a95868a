import numpy as np
import pytest
from PIL import Image
from reference import png_of_16_bit_rgb

from keras_lisr.data.image_folder import image_files, is_grey, read_rgb


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def save(pixels, file, **options):
    Image.fromarray(pixels).save(file, **options)
    return file


def test_lists_images_sorted_in_subfolders_and_nothing_else(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "folder.png").mkdir()
    for name in ["b.png", "a.JPG", "c.webp", "sub/d.tif", "notes.txt", "e.jpeg", "f.tiff", "g.bmp"]:
        (tmp_path / name).touch()
    names = [file.relative_to(tmp_path).as_posix() for file in image_files(tmp_path)]
    assert names == ["a.JPG", "b.png", "c.webp", "e.jpeg", "f.tiff", "g.bmp", "sub/d.tif"]
    assert image_files(str(tmp_path)) == image_files(tmp_path)


def test_no_images_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="`folder`"):
        image_files(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="`folder`.*missing"):
        image_files(tmp_path / "missing")


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "größe 图.png"])
def test_reads_back_lossless_formats(tmp_path, pixels, name):
    image = read_rgb(save(pixels, tmp_path / name))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels)
    image[0] = 0  # Writable.


def test_reads_lossless_webp(tmp_path, pixels):
    np.testing.assert_array_equal(read_rgb(save(pixels, tmp_path / "a.webp", lossless=True)), pixels)


def test_grey_is_replicated(tmp_path, pixels):
    image = read_rgb(save(pixels[..., 0], tmp_path / "a.png"))
    np.testing.assert_array_equal(image, np.repeat(pixels[..., :1], 3, axis=2))


def test_transparency_is_dropped(tmp_path, pixels):
    transparent = np.concatenate([pixels, pixels[..., :1]], axis=2)
    np.testing.assert_array_equal(read_rgb(save(transparent, tmp_path / "a.png")), pixels)


def test_palette_is_resolved(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:2] = [10, 200, 30]
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), pixels)


def test_16_bit_is_refused_rather_than_clipped(tmp_path):
    file = save(np.full((4, 4), 1000, np.uint16), tmp_path / "a.png")
    with pytest.raises(ValueError, match="a.png"):
        read_rgb(file)


def test_16_bit_rgb_is_refused_rather_than_cut(tmp_path):
    png_of_16_bit_rgb(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a.png"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("keep", [0, 20, 60, 120])
def test_broken_file_is_named(tmp_path, pixels, keep):
    file = save(pixels, tmp_path / "broken.png")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match="`file`.*broken.png"):
        read_rgb(file)


def test_missing_file_is_not_a_broken_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.png"):
        read_rgb(tmp_path / "missing.png")


def test_grey_is_known_by_the_file_and_not_by_its_pixels(tmp_path, pixels):
    grey = pixels[..., :1].repeat(3, axis=2)
    assert is_grey(save(pixels[..., 0], tmp_path / "a.png"))
    assert not is_grey(save(grey, tmp_path / "b.png"))


def test_links_to_folders_are_followed_and_no_folder_is_listed_twice(tmp_path, pixels):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    inside.mkdir()
    outside.mkdir()
    save(pixels, outside / "a.png")
    (inside / "link").symlink_to(outside)
    (outside / "back").symlink_to(inside)
    assert image_files(inside) == [inside / "link" / "a.png"]
