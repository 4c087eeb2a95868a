import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference import png_of_16_bit_rgb

from keras_lisr.inference import image_io, read_picture, write_picture
from keras_lisr.inference.image_io import check_output, check_output_size


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def save(image, path, **options):
    Image.fromarray(image).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF", "größe 图.png"])
def test_lossless_formats_come_back(tmp_path, pixels, name):
    write_picture(pixels, tmp_path / name)
    np.testing.assert_array_equal(read_picture(tmp_path / name), pixels)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp"])
def test_lossy_formats_come_back_nearly(tmp_path, name):
    smooth = np.tile(np.arange(32, dtype=np.uint8)[:, None, None] * 8, (1, 32, 3))
    write_picture(smooth, str(tmp_path / name))
    np.testing.assert_allclose(read_picture(str(tmp_path / name)), smooth, atol=6)


def test_written_files_have_the_usual_permissions(tmp_path, pixels):
    (tmp_path / "usual").touch()
    write_picture(pixels, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(tmp_path, pixels, mode):
    image = Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), np.array(image.convert("RGB")))


def test_orientation_is_applied(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned a quarter to the right.
    save(pixels, tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), np.rot90(pixels, -1))


def test_an_opaque_alpha_channel_is_dropped_and_another_refused(tmp_path, pixels):
    alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    save(np.concatenate([pixels, alpha], axis=2), tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), pixels)
    alpha[3, 3] = 254
    save(np.concatenate([pixels, alpha], axis=2), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"`path` must be .* Received: path='.*a.png' \(it is transparent in places\)"):
        read_picture(tmp_path / "a.png")


def test_a_transparent_color_is_refused(tmp_path):
    Image.new("P", (4, 4)).save(tmp_path / "a.png", transparency=0)
    with pytest.raises(ValueError, match=r"\(it is transparent in places\)"):
        read_picture(tmp_path / "a.png")


def test_more_than_8_bits_are_refused(tmp_path):
    files = [save(np.full((4, 4), 1000, np.uint16), tmp_path / name) for name in ("a.png", "a.tif")]
    files.append(save(np.zeros((4, 4), np.float32), tmp_path / "b.tif"))
    png_of_16_bit_rgb(tmp_path / "c.png")
    for file in [*files, tmp_path / "c.png"]:
        with pytest.raises(ValueError, match=r"\(it has more than 8 bits per channel\)"):
            read_picture(file)


def broken_files(folder, pixels):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for name in ("truncated.jpg", "truncated.png", "truncated.webp"):
        content = save(noise, folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    content = bytearray(save(noise, folder / "flipped.png").read_bytes())
    content[60:90] = bytes(30)
    (folder / "flipped.png").write_bytes(content)
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("This is no picture.")
    (folder / "folder.png").mkdir()
    return [*sorted(folder.iterdir()), folder / "missing.png", folder / "missing" / "a.png"]


@pytest.mark.parametrize(("white", "magic"), [(65535, b"P6"), (1023, b"P6"), (4095, b"P3")])
def test_more_than_8_bits_in_ppm_are_refused(tmp_path, white, magic):
    (tmp_path / "a.ppm").write_bytes(b"%s 1 1 %d\n1 2 3 " % (magic, white))
    with pytest.raises(ValueError, match="more than 8 bits"):
        read_picture(tmp_path / "a.ppm")


def test_8_bits_in_ppm_are_read(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.ppm")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.ppm"), pixels)
    (tmp_path / "a.pbm").write_bytes(b"P1 2 1\n1 0\n")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.pbm"), [[[0, 0, 0], [255, 255, 255]]])


def test_animations_are_refused_and_further_pictures_of_a_phone_are_not(tmp_path, pixels):
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    for suffix in ("gif", "webp", "png"):
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
        with pytest.raises(ValueError, match="it has several frames"):
            read_picture(tmp_path / f"a.{suffix}")
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.jpg").shape == pixels.shape


def test_broken_files_are_refused_by_name(tmp_path, pixels):
    for file in broken_files(tmp_path, pixels):
        with pytest.raises(ValueError) as caught:
            read_picture(file)
        message = str(caught.value)
        assert message.startswith("`path` must be a readable 8-bit picture without transparency. Received: path=")
        assert file.name in message
        assert "\n" not in message


def test_pictures_beyond_pillows_limit_are_refused(tmp_path, monkeypatch, pixels):
    save(pixels, tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # Warned of above, refused from twice as much.
    assert read_picture(tmp_path / "a.png").shape == pixels.shape
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ValueError, match=r"a.png' \(Image size \(54 pixels\) exceeds limit of 40 pixels"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a", "a.gif", "a.txt", "a.png.part"])
def test_unknown_suffixes_are_refused(tmp_path, pixels, name):
    for check in (check_output, lambda path: write_picture(pixels, path)):
        with pytest.raises(ValueError, match=r"`path` must end in one of .png, .jpg, .*Received: path='.*a"):
            check(tmp_path / name)


def test_folders_are_checked(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    message = r"`path` must be a file in a folder that can be written to. Received: path='.*"
    with pytest.raises(OSError, match=message + r"folder.png' \(it is a folder\)"):
        check_output(tmp_path / "folder.png")
    with pytest.raises(OSError, match=message + r"a.png' \(No such file or directory\)"):
        check_output(tmp_path / "missing" / "a.png")

    def refuse(dir):
        raise PermissionError(errno.EACCES, "Permission denied", dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=message + r"a.png' \(Permission denied\)"):
        check_output(tmp_path / "a.png")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_cannot_be_written_to(tmp_path):
    os.seteuid(65534)
    try:
        with pytest.raises(OSError, match=r"\(Permission denied\)"):
            check_output(tmp_path / "a.png")
    finally:
        os.seteuid(0)


def test_formats_end_at_a_size():
    check_output_size("a.png", 100_000, 100_000)
    check_output_size("a.jpg", 65_500, 1)
    for name, side in (("a.jpg", 65_501), ("a.webp", 16_384)):
        with pytest.raises(ValueError, match=f"must have a format for {side} x 4 pixels, such as .png; "):
            check_output_size(name, 4, side)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path, monkeypatch, pixels, error):
    save(pixels, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def stop(self, file, *args, **options):
        Path(file).write_bytes(b"half")
        raise error

    monkeypatch.setattr(image_io.Image.Image, "save", stop)
    with pytest.raises((KeyboardInterrupt, OSError), match=r"^$|`path` could not be written.*a.png' \(No space left"):
        write_picture(pixels, tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before
