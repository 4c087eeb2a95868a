"""What is known of a picture before it is decoded."""

import io

import numpy as np
import pytest
import pyvips
from PIL import Image

from keras_lisr.pictures import read_picture
from keras_lisr.pictures.header import Header
from keras_lisr.pictures.read import picture_size


def test_the_header_is_enough_to_know_the_size(tmp_path, colours):
    Image.fromarray(colours).resize((3000, 2000)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:200])
    assert picture_size(tmp_path / "a.png") == Header(2000, 3000, 3, 8, 1, "PNG", decoder_memory=768 * 3000 * 3)
    with pytest.raises(ValueError, match=r"`file` must be a readable picture. Received: file='.*a.png' \(.*\)"):
        read_picture(tmp_path / "a.png")


def test_signed_values_of_8_bits_are_refused(tmp_path, colours):
    with_format = Image.fromarray(colours)
    with_format.save(tmp_path / "a.tif", tiffinfo={339: (2, 2, 2)})
    with pytest.raises(ValueError, match="signed"):
        read_picture(tmp_path / "a.tif")


def test_the_header_is_checked_against_a_limit_and_for_pages(tmp_path):
    images = [Image.new("RGB", (20, 10), color) for color in ("red", "blue")]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:])
    assert picture_size(tmp_path / "a.gif", max_pixels=400).frames == 2
    with pytest.raises(ValueError, match="--max-pixels 400 lifts the limit"):
        picture_size(tmp_path / "a.gif", max_pixels=399)
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    with pytest.raises(ValueError, match="it has 2 pages"):
        picture_size(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("mode", "kind", "options", "of_a_pixel"),
    [
        ("RGB", "PNG", {}, 3),
        ("L", "TIFF", {}, 1),
        ("RGB", "JPEG", {}, 3),
        ("RGB", "JPEG", {"progressive": True}, 9),
        ("CMYK", "JPEG", {}, 4),
        ("CMYK", "TIFF", {}, 4),
        ("CMYK", "JPEG", {"progressive": True}, 12),
        ("RGB", "WEBP", {}, 12),
        ("RGB", "AVIF", {}, 20),
        ("L", "AVIF", {}, 20),
    ],
)
def test_what_a_decoder_holds_is_in_the_budget(tmp_path, colours, mode, kind, options, of_a_pixel):
    Image.fromarray(colours).convert(mode).save(tmp_path / "a", kind, **options)
    mapped = (tmp_path / "a").stat().st_size if kind == "JPEG" else 0
    converting = 56 * 64 * 30 if mode == "CMYK" else 0
    assert picture_size(tmp_path / "a").decoder_memory == of_a_pixel * colours[..., 0].size + mapped + converting


def test_coefficients_of_a_jpeg_of_several_scans_are_in_the_budget(colours):
    stream = io.BytesIO()
    Image.fromarray(colours).save(stream, "JPEG")
    another = stream.getvalue()[:-2] + b"\xff\xda\0\2\xff\xd9"
    assert picture_size(io.BytesIO(another)).decoder_memory == 9 * colours[..., 0].size + len(another)


@pytest.mark.parametrize(("options", "channels", "decoded"), [({}, 1, 3), ({"transparency": 0}, 2, 4)])
def test_of_a_palette_of_greys_colours_are_decoded(tmp_path, options, channels, decoded):
    image = Image.fromarray(np.zeros((20, 30), np.uint8)).convert("P")
    image.putpalette([7, 7, 7])
    image.save(tmp_path / "a.png", **options)
    header = picture_size(tmp_path / "a.png")
    assert (header.channels, header.decoder_memory) == (channels, 20 * 30 * decoded)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_rows_of_tiles_are_in_the_budget(tmp_path, bigtiff, dtype):
    image = pyvips.Image.new_from_array(np.zeros((1000, 40, 3), dtype)).copy(
        interpretation="srgb" if dtype == np.uint8 else "rgb16"
    )
    for tile_height, rows in ((16, 32), (512, 1000)):
        image.tiffsave(str(tmp_path / "a.tif"), tile=True, tile_width=16, tile_height=tile_height, bigtiff=bigtiff)
        held = picture_size(tmp_path / "a.tif").decoder_memory
        assert held == (768 + rows) * 40 * 3 * np.dtype(dtype).itemsize


@pytest.mark.parametrize("rows_per_strip", [10, 2**32 - 1])
def test_strips_of_single_channels_are_in_the_budget(tmp_path, rows_per_strip):
    Image.new("RGB", (40, 100)).save(tmp_path / "a.tif", tiffinfo={284: 2, 278: rows_per_strip})
    assert picture_size(tmp_path / "a.tif").decoder_memory == (100 + 2 * min(100, rows_per_strip)) * 40 * 3
