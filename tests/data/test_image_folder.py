import numpy as np
import pytest
from PIL import Image
from reference import png_of_16_bit_rgb

from keras_lisr.basics.picture_suffixes import READABLE
from keras_lisr.batch.jobs import find_jobs
from keras_lisr.data.image_folder import image_files, is_grey, read_rgb
from keras_lisr.pictures import read_picture


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def save(pixels, file):
    Image.fromarray(pixels).save(file)
    return file


def test_lists_images_sorted_in_subfolders_and_nothing_else(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "folder.png").mkdir()
    for name in [
        "b.png",
        "a.JPG",
        "c.webp",
        "sub/d.tif",
        "notes.txt",
        "e.jpeg",
        "f.tiff",
        "g.bmp",
        "g.jpe",
        "h.JFIF",
        "i.gif",
        ".hidden.png",
    ]:
        (tmp_path / name).touch()
    names = [file.relative_to(tmp_path).as_posix() for file in image_files(tmp_path)]
    assert names == ["a.JPG", "b.png", "c.webp", "e.jpeg", "f.tiff", "g.jpe", "h.JFIF", "i.gif", "sub/d.tif"]


@pytest.mark.parametrize("name", ["", "missing"])
def test_no_images_is_an_error(tmp_path, name):
    with pytest.raises(ValueError, match=f"`folder`.*{name}"):
        image_files(tmp_path / name)


def test_pictures_are_turned_upright(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # A quarter turn to the right.
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_rgb(tmp_path / "turned.png"), np.rot90(pixels, -1))


@pytest.mark.parametrize("suffix", READABLE)
def test_what_can_be_upscaled_can_be_trained_and_measured_on(tmp_path, pixels, suffix):
    file = tmp_path / f"a{suffix.upper()}"
    Image.fromarray(pixels).save(file, READABLE[suffix])
    assert image_files(tmp_path) == [file] == [job.source for job in find_jobs([tmp_path], tmp_path / "out")]
    assert read_rgb(file).shape == read_picture(file).pixels.shape == (6, 9, 3)


def test_what_cannot_be_upscaled_is_told_and_not_trained_on(tmp_path, pixels, caplog):
    save(pixels, tmp_path / "a.png")
    with pytest.raises(ValueError, match="`file`"):
        read_rgb(save(pixels, tmp_path / "b.bmp"))
    (tmp_path / "readme.txt").touch()
    assert [file.name for file in image_files(tmp_path)] == ["a.png"]
    assert ".bmp 1" in caplog.text and ".txt" not in caplog.text


def test_rgb_comes_as_stored_grey_is_replicated_and_transparency_dropped(tmp_path, pixels):
    rgb = read_rgb(save(pixels, tmp_path / "größe 图.png"))
    grey = read_rgb(save(pixels[..., 0], tmp_path / "grey.png"))
    transparent = read_rgb(save(np.concatenate([pixels, pixels[..., :1]], axis=2), tmp_path / "transparent.png"))
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, pixels)
    np.testing.assert_array_equal(grey, np.repeat(pixels[..., :1], 3, axis=2))
    np.testing.assert_array_equal(transparent, pixels)


def test_16_bits_are_refused_rather_than_cut(tmp_path):
    save(np.full((4, 4), 1000, np.uint16), tmp_path / "grey.png")
    png_of_16_bit_rgb(tmp_path / "rgb.png")
    for name in ("grey.png", "rgb.png"):
        with pytest.raises(ValueError, match=name):
            read_rgb(tmp_path / name)


@pytest.mark.parametrize("keep", [0, 60])
def test_broken_file_is_named(tmp_path, pixels, keep):
    file = save(pixels, tmp_path / "broken.png")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match="`file`.*broken.png"):
        read_rgb(file)


@pytest.mark.parametrize("kind", [1, 4, 0])
def test_a_smaller_copy_that_comes_first_is_not_the_picture(tmp_path, pixels, kind):
    first, last = Image.fromarray(pixels[::3, ::3]), Image.fromarray(pixels)
    last.encoderinfo = {"tiffinfo": {254: 0}}
    first.save(tmp_path / "a.tif", save_all=True, append_images=[last], tiffinfo={254: kind})
    if kind:
        np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif"), pixels)
    else:
        with pytest.raises(ValueError, match="several pages"):
            read_rgb(tmp_path / "a.tif")


def test_grey_is_known_by_the_file_and_not_by_its_pixels(tmp_path, pixels):
    grey = pixels[..., :1].repeat(3, axis=2)
    assert is_grey(save(pixels[..., 0], tmp_path / "a.png"))
    assert not is_grey(save(grey, tmp_path / "b.png"))


def test_links_to_folders_are_followed(tmp_path, pixels):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    inside.mkdir()
    outside.mkdir()
    save(pixels, outside / "a.png")
    (inside / "link").symlink_to(outside)
    assert image_files(inside) == [inside / "link" / "a.png"]
