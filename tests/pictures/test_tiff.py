"""Files of several directories, of which one is the picture, or not."""

import struct

import numpy as np
import pytest
import pyvips
from PIL import Image, TiffImagePlugin

from keras_lisr.pictures import read_picture
from keras_lisr.pictures.read import open_picture, read_strips

KIND, OLD_KIND = 254, 255


def write(path, *pictures, big=False):
    """Directories, each given as pixels and its tags."""
    images = []
    for pixels, tags in pictures:
        image, info = Image.fromarray(pixels), TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in tags.items():
            info[tag] = value
            info.tagtype[tag] = 3 if tag == OLD_KIND else 4
        image.encoderinfo = {"tiffinfo": info}
        images.append(image)
    first, *others = images
    first.save(path, "TIFF", save_all=True, append_images=others, big_tiff=big, tiffinfo=first.encoderinfo["tiffinfo"])


@pytest.fixture
def small(colours):
    return np.ascontiguousarray(colours[::2, ::2])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    "tags",
    [{KIND: 1}, {KIND: 4}, {KIND: 5}, {OLD_KIND: 2}],
    ids=["smaller", "mask", "both", "old smaller"],
)
def test_smaller_copies_and_masks_are_no_pages(tmp_path, colours, small, tags, big):
    for name, pictures in (("last", [(colours, {}), (small, tags)]), ("first", [(small, tags), (colours, {})])):
        write(tmp_path / name, *pictures, big=big)
        np.testing.assert_array_equal(read_picture(tmp_path / name).pixels, colours)
        np.testing.assert_array_equal(read_strips(tmp_path / name)[0][0:24], colours)
        with open_picture(tmp_path / name, 10**6) as found:
            assert found.others == 1


def test_numbers_may_begin_with_their_large_end(tmp_path, colours):
    deep = (colours[..., 0] * np.uint16(257)).astype(">u2")
    write(tmp_path / "a.tif", (deep, {}), (np.ascontiguousarray(deep[::2]), {KIND: 1}), (deep, {OLD_KIND: 2}))
    assert (tmp_path / "a.tif").read_bytes().startswith(b"MM")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels[..., 0], deep)


@pytest.mark.parametrize("subifd", [False, True])
def test_a_pyramid_is_one_picture(tmp_path, colours, subifd):
    large = np.tile(colours, (40, 30, 1))
    options = {"pyramid": True, "tile": True, "tile_width": 128, "tile_height": 128, "subifd": subifd}
    pyvips.Image.new_from_array(large).tiffsave(str(tmp_path / "a.tif"), **options)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, large)


@pytest.mark.parametrize("tags", [{}, {KIND: 2}, {OLD_KIND: 3}])
def test_pages_are_several_pictures(tmp_path, colours, small, tags):
    write(tmp_path / "a.tif", (colours, tags), (small, tags))
    with pytest.raises(ValueError, match="`file`.*pages"):
        read_picture(tmp_path / "a.tif")


def test_the_preview_of_a_raw_file_is_not_its_picture(tmp_path, small):
    write(tmp_path / "a.dng", (small, {KIND: 1, 330: 8}))
    with pytest.raises(ValueError, match="`file`.*subdirectories"):
        read_picture(tmp_path / "a.dng")
    write(tmp_path / "a.tif", (small, {KIND: 1}))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, small)


def test_directories_may_go_in_circles(tmp_path, colours):
    write(tmp_path / "a.tif", (colours, {}), (colours, {KIND: 1}))
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ValueError, match="`file`"):
        read_picture(tmp_path / "a.tif")
