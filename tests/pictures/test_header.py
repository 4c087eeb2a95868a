"""What is known of a picture before it is decoded."""

import pytest
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
    assert picture_size(tmp_path / "a").decoder_memory == of_a_pixel * colours[..., 0].size + mapped
