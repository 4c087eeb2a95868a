import json
import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
import pyvips
from picture_files import exif_with, to_cmyk
from PIL import Image, ImageCms
from PIL.ExifTags import Base
from process_memory import ON_LINUX, PEAK

from keras_lisr.pictures import Metadata, Picture, read_picture, write_picture
from keras_lisr.pictures.formats import LARGEST_EXIF, LARGEST_XMP
from keras_lisr.pictures.metadata import EXIF_PREFIX
from keras_lisr.pictures.read import picture_size
from keras_lisr.pictures.strips import StripReader, StripWriter
from keras_lisr.runtime.rows import bands_of


def noise(height, width, channels, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def read_in_strips(file):
    with StripReader(file) as rows:
        return np.concatenate(list(bands_of(rows))), rows.metadata


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif", "TIFF"])
def test_rows_come_back(tmp_path, suffix, channels, dtype):
    pixels = noise(150, 37, channels, dtype)
    file = tmp_path / f"größe[1].{suffix}"
    with StripWriter(file, *pixels.shape, dtype) as writer:
        for start, stop in ((0, 1), (1, 64), (64, 150)):
            writer.write(pixels[start:stop])
    assert os.listdir(tmp_path) == [file.name]
    np.testing.assert_array_equal(read_picture(file).pixels, pixels)
    read, metadata = read_in_strips(file)
    np.testing.assert_array_equal(read, pixels)
    assert metadata == Metadata()
    with StripReader(file) as rows:
        assert (rows.shape, rows.dtype) == (pixels.shape, pixels.dtype)
        for start, stop in ((0, 70), (60, 100), (99, 100), (99, 150), (150, 150)):
            np.testing.assert_array_equal(rows[start:stop], pixels[start:stop])
        with pytest.raises(IndexError):
            rows[0:10]
    with pytest.raises(ValueError, match="before the file is closed"):
        rows[140:150]


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_metadata_is_kept_or_stripped(tmp_path, metadata, profiles, suffix, dtype):
    p3 = Metadata(metadata.exif, profiles["p3"], b"<x>\xc3\xa4</x>", metadata.dpi)
    pixels = np.full((70, 40, 3), 99, dtype) * np.array([1, 2, 1], dtype)
    for strip_metadata in (False, True):
        file = tmp_path / f"a.{suffix}"
        with StripWriter(file, 70, 40, 3, dtype, p3, strip_metadata=strip_metadata) as writer:
            writer.write(pixels)
        whole = tmp_path / f"whole.{suffix}"
        write_picture(Picture(pixels, p3), whole, strip_metadata=strip_metadata)
        result, expected = read_picture(file), read_picture(whole)
        assert np.abs(result.pixels.astype(int) - expected.pixels).max() <= (3 if suffix == "jpg" else 0)
        assert result.metadata.icc_profile == expected.metadata.icc_profile
        dpi = expected.metadata.dpi
        assert result.metadata.dpi == (pytest.approx(dpi, abs=0.5) if dpi else None)
        assert (b"maker" in result.metadata.exif) is not strip_metadata
        assert result.metadata.exif == expected.metadata.exif
        assert (b"<x>" in result.metadata.xmp) is not strip_metadata
        assert read_in_strips(file)[1] == result.metadata


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_as_much_metadata_as_the_format_holds(tmp_path, suffix):
    """A JPEG has 64 KiB for each kind; what is larger stood in the way of the whole file."""
    fixed = exif_with(1)
    fixed[Base.ImageDescription] = ""
    room = LARGEST_EXIF - len(fixed.tobytes().removeprefix(EXIF_PREFIX))
    for more in (-8, 8):
        exif = exif_with(1)
        exif[Base.ImageDescription] = "x" * (room + more)
        metadata = Metadata(exif.tobytes().removeprefix(EXIF_PREFIX), xmp=b"<x>" + b" " * (LARGEST_XMP - 3 + more))
        holds = suffix != "jpg" or more < 0
        assert (len(metadata.exif) <= LARGEST_EXIF) is (more < 0)
        with StripWriter(tmp_path / f"a.{suffix}", 20, 30, 3, np.uint8, metadata) as writer:
            writer.write(np.zeros((20, 30, 3), np.uint8))
        write_picture(Picture(np.zeros((20, 30, 3), np.uint8), metadata), tmp_path / f"whole.{suffix}")
        for name in ("a", "whole"):
            read = read_picture(tmp_path / f"{name}.{suffix}").metadata
            assert (len(read.exif) > LARGEST_EXIF - 20) is holds
            assert (len(read.xmp) > LARGEST_XMP - 20) is holds


@pytest.mark.parametrize("has_exif", [False, True])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_no_resolution_is_made_up(tmp_path, metadata, suffix, has_exif):
    """By libvips, which says 25.4 dots per inch, and adds as much to EXIF."""
    said = Metadata(metadata.exif) if has_exif else Metadata()
    pixels = noise(20, 30, 3, np.uint16)
    with StripWriter(tmp_path / f"strips.{suffix}", *pixels.shape, np.uint16, said) as writer:
        writer.write(pixels)
    write_picture(Picture(pixels, said), tmp_path / f"whole.{suffix}")
    for name in ("strips", "whole"):
        with Image.open(tmp_path / f"{name}.{suffix}") as image:  # Pillow takes a JPEG with EXIF for one of 72.
            assert image.info.get("dpi") == ((72, 72) if suffix == "jpg" and has_exif else None)
    kept = [read_picture(tmp_path / f"{name}.{suffix}").metadata.exif for name in ("strips", "whole")]
    assert kept[0] == kept[1] and bool(kept[0]) is has_exif


def test_16_bits_are_rounded_and_quality_counts(tmp_path):
    deep = noise(64, 64, 3, np.uint16)
    for quality in (20, None):
        with StripWriter(tmp_path / f"{quality}.jpg", *deep.shape, np.uint16, quality=quality) as writer:
            writer.write(deep)
        assert read_picture(tmp_path / f"{quality}.jpg").depth == 8
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "None.jpg").stat().st_size
    difference = read_picture(tmp_path / "None.jpg").pixels - deep / 257
    assert np.abs(difference).mean() < 4


def test_what_cannot_be_written_is_refused_before(tmp_path):
    for name, channels, message in (
        ("a.webp", 3, "must end in one of .png, .jpg, .jpeg, .tif, .tiff, .apng for a picture beyond memory"),
        ("a.jpg", 4, "must have a format for transparency"),
        ("a.txt", 3, "must end in one of"),
    ):
        with pytest.raises(ValueError, match=message):
            StripWriter(tmp_path / name, 10, 10, channels, np.uint8)
    with pytest.raises(ValueError, match="JPEG ends at 65500 a side"):
        StripWriter(tmp_path / "a.jpg", 70_000, 10, 3, np.uint8)
    with pytest.raises(OSError):
        StripWriter(tmp_path / "missing" / "a.png", 10, 10, 3, np.uint8)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("theirs")])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path, error):
    (tmp_path / "a.png").write_text("mine")

    def write(rows, then=None):
        with StripWriter(tmp_path / "a.png", 10, 10, 3, np.uint8) as writer:
            writer.write(rows)
            if then:
                raise then

    with pytest.raises((KeyboardInterrupt, ValueError), match="^$|^theirs$"):
        write(noise(5, 10, 3), error)
    with pytest.raises(ValueError, match="`rows` must be 10 in all. Received: 5"):
        write(noise(5, 10, 3))
    with pytest.raises(ValueError, match=r"`rows` must have shape \(n, 10, 3\) and type uint8. Received: \(5, 9, 3\)"):
        write(noise(5, 9, 3))
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_text() == "mine"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rows_come_upright(tmp_path, colours, kind, orientation):
    xmp = b'<x tiff:Orientation="%d"/>' % orientation
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}.get(kind, {})
    Image.fromarray(colours).save(tmp_path / "a", kind, exif=exif_with(orientation), xmp=xmp, **options)
    expected = read_picture(tmp_path / "a")
    pixels, metadata = read_in_strips(tmp_path / "a")
    assert pixels.shape == expected.pixels.shape
    assert np.abs(pixels.astype(int) - expected.pixels).max() <= {"JPEG": 4, "AVIF": 4}.get(kind, 0)
    assert metadata == expected.metadata


def test_other_modes_are_as_in_memory(tmp_path, colours, profiles):
    image = Image.fromarray(colours)
    image.quantize(16).save(tmp_path / "p.tif")
    image.quantize(16).save(tmp_path / "p.png", transparency=bytes(range(16)))
    image.convert("L").quantize(16).save(tmp_path / "grey.tif")
    image.convert("1").save(tmp_path / "1.tif")
    to_cmyk(colours).save(tmp_path / "cmyk.jpg", quality=95)
    to_cmyk(colours, profiles["cmyk"]).save(tmp_path / "profiled.tif", icc_profile=profiles["cmyk"])
    # Libvips would take a profile of its own instead.
    to_cmyk(colours).save(tmp_path / "misfit.jpg", quality=95, icc_profile=profiles["p3"])
    to_cmyk(colours).save(tmp_path / "broken.tif", icc_profile=bytes(16) + b"CMYK" + bytes(300))
    image.save(tmp_path / "a.webp", lossless=True)
    image.save(tmp_path / "jpeg.tif", compression="jpeg", quality=95)
    for file in tmp_path.iterdir():
        pixels, metadata = read_in_strips(file)
        expected = read_picture(file)
        assert pixels.shape == expected.pixels.shape, file
        assert np.abs(pixels.astype(int) - expected.pixels).max() <= 2, file
        assert metadata == expected.metadata


def test_what_cannot_be_read_in_strips_is_refused(tmp_path, colours):
    image = Image.fromarray(colours)
    image.save(tmp_path / "a.bmp")
    with pytest.raises(ValueError, match=r"^`file` must be a readable picture. .*a.bmp' \(it is BMP; only AVIF, "):
        StripReader(tmp_path / "a.bmp")
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    for name, other in {
        "YCbCr": image.convert("YCbCr"),
        "LAB": ImageCms.profileToProfile(image, *spaces, outputMode="LAB"),
    }.items():
        other.save(tmp_path / "a.tif", compression="tiff_lzw")
        with pytest.raises(ValueError, match=f"it is a TIFF in {name}, which goes as a whole only: with more `memory`"):
            StripReader(tmp_path / "a.tif")
    image.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="--max-pixels 720 lifts the limit"):
        StripReader(tmp_path / "a.png", max_pixels=719)
    image.save(tmp_path / "a.gif", save_all=True, append_images=[image.rotate(180)])
    with pytest.raises(ValueError, match="it has 2 frames"):
        StripReader(tmp_path / "a.gif")


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_file_that_breaks_off_is_an_error_where_it_does(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    write_picture(Picture(noise(600, 200, 3)), file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=rf"^`file` must be a readable picture. .*a.{suffix}' \(") as caught:
        read_in_strips(file)
    assert "\n" not in str(caught.value)


BOUNDED = (
    PEAK
    + """
import json, sys
import numpy as np
from keras_lisr.pictures.strips import StripReader, StripWriter
from keras_lisr.runtime.rows import bands_of

with StripWriter(sys.argv[2], 8, 8, 3, np.uint16) as writer:
    writer.write(np.zeros((8, 8, 3), np.uint16))
with StripReader(sys.argv[2]) as rows:
    rows[0:8]
before = peak()
height, width, channels = 10_000, 10_000, 3
band = (np.arange(width * channels) % 60_000).astype(sys.argv[1]).reshape(1, width, channels)
with StripWriter(sys.argv[2], height, width, channels, sys.argv[1]) as writer:
    for _ in range(0, height, 50):
        writer.write(np.repeat(band, 50, axis=0))
written = peak()
with StripReader(sys.argv[2]) as rows:
    assert rows.shape == (height, width, channels)
    assert all((found == band).all() for found in bands_of(rows))
print(json.dumps([written - before, peak() - before]))
"""
)


@ON_LINUX
@pytest.mark.parametrize(("suffix", "dtype"), [("tif", "uint8"), ("tif", "uint16"), ("png", "uint8")])
def test_100_megapixels_go_through_bounded_memory(tmp_path, suffix, dtype):
    command = [sys.executable, "-c", BOUNDED, dtype, tmp_path / f"a.{suffix}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    written, read = json.loads(done.stdout)
    assert written < 100 and read < 250  # The pixels take 286 MiB in 8 bits and 572 in 16.
    assert picture_size(tmp_path / f"a.{suffix}")[:2] == (10_000, 10_000)


def test_a_tiff_beyond_4_gib_is_a_bigtiff(tmp_path, monkeypatch, metadata):
    monkeypatch.setattr("keras_lisr.pictures.vips.LARGEST_CLASSIC_TIFF", 10_000)
    pixels = noise(64, 64, 3)
    with StripWriter(tmp_path / "a.tif", *pixels.shape, np.uint8, metadata) as writer:
        writer.write(pixels)
    write_picture(Picture(pixels, metadata), tmp_path / "b.tif")
    write_picture(Picture(pixels.astype(np.uint16), metadata), tmp_path / "c.tif")
    for name in ("a.tif", "b.tif", "c.tif"):
        assert (tmp_path / name).read_bytes()[:4] == b"II+\0"
        np.testing.assert_array_equal(read_picture(tmp_path / name).pixels, pixels)
        exif = Image.Exif()
        exif.load(read_picture(tmp_path / name).metadata.exif)
        assert exif.get_ifd(0x8825)[2] == (48, 30, 15)


@pytest.mark.slow
def test_a_tiff_of_more_than_4_gib(tmp_path):
    """What deflating does not make smaller than 4 GiB: noise."""
    row = noise(50, 40_000, 3)
    with StripWriter(tmp_path / "a.tif", 38_000, 40_000, 3, np.uint8) as writer:
        for top in range(0, 38_000, 50):
            writer.write(np.roll(row, top, axis=1))
    assert (tmp_path / "a.tif").stat().st_size > 2**32
    with StripReader(tmp_path / "a.tif", max_pixels=2 * 10**9) as rows:
        for top in range(0, 38_000, 50):
            np.testing.assert_array_equal(rows[top : top + 50], np.roll(row, top, axis=1))


@pytest.fixture(scope="module")
def lying(tmp_path_factory):
    """A picture of 96 megapixels that is to be turned by a quarter."""
    path = tmp_path_factory.mktemp("lying") / "a.tif"
    image = pyvips.Image.xyz(12_000, 8000).cast("uchar").bandjoin(17).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.tiffsave(str(path), compression="lzw")
    return path


def test_a_large_picture_that_is_not_upright_is_unpacked_to_a_file(lying, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with StripReader(lying) as rows:
        assert rows.shape == (12_000, 8000, 3)
        top = rows[0:2]
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []
    x, y = np.mgrid[:2, :8000]
    np.testing.assert_array_equal(top, np.dstack([x, 7999 - y, np.full_like(x, 17)]).clip(0, 255))


READ_BY_ROWS = (
    PEAK
    + """
import sys
from keras_lisr.pictures.strips import StripReader
from keras_lisr.runtime.memory import give_back
from keras_lisr.runtime.rows import bands_of

before = peak()
with StripReader(sys.argv[1]) as rows:
    held = rows.decoder_memory
    for band in bands_of(rows):
        give_back()
print(peak() - before, held / 2**20)
"""
)


@ON_LINUX
def test_a_large_picture_that_is_not_upright_is_never_in_memory(lying):
    done = subprocess.run([sys.executable, "-c", READ_BY_ROWS, lying], capture_output=True, text=True, check=True)
    taken, held = map(float, done.stdout.split())
    assert held < 40 and taken < held + 40  # The pixels take 275 MiB.


@ON_LINUX
@pytest.mark.parametrize(("mode", "most_rows"), [("L", 768), ("RGB", 768), ("CMYK", 1664)])
def test_of_a_wide_picture_no_more_is_held_than_is_said(tmp_path, mode, most_rows):
    noise = Image.effect_noise((500, 500), 50).convert("RGB")
    wide = Image.fromarray(np.tile(noise, (4, 60, 1))).convert(mode)
    wide.save(tmp_path / "a.jpg")
    done = subprocess.run(
        [sys.executable, "-c", READ_BY_ROWS, tmp_path / "a.jpg"], capture_output=True, text=True, check=True
    )
    taken, held = map(float, done.stdout.split())
    rows = (held * 2**20 - (tmp_path / "a.jpg").stat().st_size) / (wide.width * len(mode))
    assert rows <= most_rows and taken < held + 40  # Of 2000.


@pytest.mark.parametrize("orientation", [1, 4, 6])
@pytest.mark.parametrize("profiled", [False, True])
def test_every_band_of_cmyk_is_converted(tmp_path, profiles, profiled, orientation):
    y, x = np.mgrid[:150, :140]
    colours = np.dstack([40 + x, 30 + y, 200 - x // 2 - y // 2]).astype(np.uint8)
    profile = profiles["cmyk"] if profiled else None
    to_cmyk(colours, profile).save(tmp_path / "a.tif", icc_profile=profile, tiffinfo={274: orientation})
    pixels, _ = read_in_strips(tmp_path / "a.tif")
    assert pixels.shape == ((140, 150, 3) if orientation == 6 else (150, 140, 3))
    np.testing.assert_allclose(pixels.astype(int), read_picture(tmp_path / "a.tif").pixels, atol=1)


def test_a_full_disk_is_told_and_not_the_picture_blamed(lying, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_lisr.pictures.strips.disk_usage", lambda folder: SimpleNamespace(free=10**6))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with StripReader(lying) as rows, pytest.raises(OSError, match=r"There must be 288000000 bytes free .*: 1000000 in"):
        rows[0:2]
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize("rows", [8, 2000])  # Written out when the file is closed, and before.
def test_a_full_disk_names_the_file(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda **options: open("/dev/full", "w+b"))  # noqa: SIM115
    with (
        pytest.raises(OSError, match=r"`path` could not be written. Received: path='.*a.png' \(No space left"),
        StripWriter(tmp_path / "a.png", rows, 10, 3, np.uint8) as writer,
    ):
        writer.write(noise(rows, 10, 3))


def test_only_rows_in_another_order_are_unpacked(tmp_path, colours, monkeypatch):
    monkeypatch.setattr("keras_lisr.pictures.strips.unpacked", None)
    Image.fromarray(colours).save(tmp_path / "a.png", exif=exif_with(2))
    np.testing.assert_array_equal(read_in_strips(tmp_path / "a.png")[0], colours[:, ::-1])
