import io
import os
import subprocess
import sys

import numpy as np
import pytest
import pyvips
from picture_files import exif_with
from PIL import Image

from keras_lisr.pictures import Picture, read_animation, read_picture, write_picture
from keras_lisr.pictures.read import picture_size, read_strips
from keras_lisr.tiling.rows import bands_of


def test_paths_and_streams_give_the_same(tmp_path, colours):
    for name in ("größe 图.png", "a[1].png", "a.png[page=2]", "a b.tif", os.fsdecode(b"\xff.png")):
        try:
            Image.fromarray(colours).save(tmp_path / name, "TIFF" if "tif" in name else "PNG")
        except (UnicodeEncodeError, OSError):  # Not every system has such names.
            continue
        for file in (tmp_path / name, str(tmp_path / name), io.BytesIO((tmp_path / name).read_bytes())):
            np.testing.assert_array_equal(read_picture(file).pixels, colours)
        with (tmp_path / name).open("rb") as stream:
            np.testing.assert_array_equal(read_picture(stream).pixels, colours)
        np.testing.assert_array_equal(read_strips(tmp_path / name)[0][0:24], colours)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "16-bit PNG", "16-bit TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_once(tmp_path, colours, kind, orientation):
    transposed, flip_rows, flip_columns = {
        1: (0, 0, 0),
        2: (0, 0, 1),
        3: (0, 1, 1),
        4: (0, 1, 0),
        5: (1, 0, 0),
        6: (1, 0, 1),
        7: (1, 1, 1),
        8: (1, 1, 0),
    }[orientation]
    expected = colours.swapaxes(0, 1) if transposed else colours
    expected = expected[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    file = tmp_path / "a"
    if kind.startswith("16"):
        image = pyvips.Image.new_from_array(colours * np.uint16(257)).copy(interpretation="rgb16")
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
        file.write_bytes(image.pngsave_buffer() if "PNG" in kind else image.tiffsave_buffer())
        expected = expected * np.uint16(257)
    else:
        lossless = {"lossless": True} if kind == "WEBP" else {} if kind in ("PNG", "TIFF") else {"quality": 95}
        Image.fromarray(colours).save(file, kind, exif=exif_with(orientation), **lossless)
    picture, header = read_picture(file), picture_size(file)
    assert header[:2] == expected.shape[:2] == picture.pixels.shape[:2]
    assert np.abs(picture.pixels.astype(int) - expected).mean() <= (3 if kind in ("JPEG", "AVIF") else 0)
    np.testing.assert_array_equal(np.concatenate(list(bands_of(read_strips(file)[0]))), picture.pixels)
    for suffix in ("png", "jpg", "tif", "avif"):  # What is written is not turned again by anybody.
        write_picture(picture, tmp_path / f"again.{suffix}")
        with Image.open(tmp_path / f"again.{suffix}") as again:
            assert again.getexif().get(0x0112, 1) == 1 and again.size == expected.shape[1::-1]
        assert read_picture(tmp_path / f"again.{suffix}").pixels.shape == picture.pixels.shape


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"])
def test_too_many_pixels_are_refused_with_the_flag_that_lifts_the_limit(tmp_path, colours, kind):
    Image.fromarray(colours).save(tmp_path / "a", kind)
    for read in (read_picture, picture_size, read_strips):
        for most in (100, 719):
            with pytest.raises(ValueError, match="`file`.*--max-pixels 720"):
                read(tmp_path / "a", max_pixels=most)
        read(tmp_path / "a", max_pixels=720)


def test_folders_missing_and_empty_files_and_pipes_are_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    files = [tmp_path, tmp_path / "missing.png", tmp_path / "empty.png"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        files.append(tmp_path / "pipe.png")
    for file in files:
        for read in (read_picture, picture_size, read_strips):
            with pytest.raises(ValueError, match="`file`"):
                read(file)


def test_pages_and_animations_are_refused_where_one_picture_is_read(tmp_path):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    for name in ("a.tif", "a.png", "a.avif", "a.gif", "a.webp"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        refusing = [read_picture, read_strips]
        if name in ("a.gif", "a.webp"):
            assert picture_size(tmp_path / name).frames == 2
            with pytest.raises(ValueError, match="`file`.*--max-pixels 128"):  # Of both frames.
                read_animation(tmp_path / name, max_pixels=127)
        else:
            refusing += [read_animation, picture_size]
        for read in refusing:
            with pytest.raises(ValueError, match="`file`.*(animated|pages)"):
                read(tmp_path / name)


def test_rows_of_a_broken_file_end_where_it_does(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (500, 200, 3), dtype=np.uint8)
    write_picture(Picture(noise), tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    rows, _ = read_strips(tmp_path / "a.png")
    np.testing.assert_array_equal(rows[0:64], noise[:64])
    with pytest.raises(ValueError, match="`file`"):
        rows[64:500]


def test_nothing_is_printed_of_broken_files(tmp_path):
    code = "import sys\nfrom keras_lisr.pictures import read_picture\ntry: read_picture(sys.argv[1])\n"
    code += "except ValueError as error: print(error)"
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"):
        Image.new("RGB", (300, 300), "red").save(tmp_path / "a", kind)
        content = (tmp_path / "a").read_bytes()
        (tmp_path / "a").write_bytes(content[: len(content) * 2 // 3])
        done = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], capture_output=True, text=True)
        assert done.stdout.count("\n") == 1 and "`file`" in done.stdout and not done.stderr
