import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
import pyvips
from picture_files import exif_with, rgba, tiff_with_tags_first
from PIL import Image, ImageCms

from keras_lisr.pictures import Metadata, Picture, read_animation, read_picture, write_picture
from keras_lisr.pictures.formats import metadata_losses
from keras_lisr.pictures.png_chunks import Chunk, with_chunks
from keras_lisr.pictures.read import picture_size
from keras_lisr.pictures.strips import StripReader


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    stream.seek(0)
    return stream


def test_paths_and_streams_give_the_same(tmp_path, colours):
    for name in ("größe 图.png", "a[1].png", "a b.tif", os.fsdecode(b"\xff.png")):
        try:
            Image.fromarray(colours).save(tmp_path / name)
        except (UnicodeEncodeError, OSError):  # Not every system has such names.
            continue
        for file in (tmp_path / name, str(tmp_path / name), io.BytesIO((tmp_path / name).read_bytes())):
            np.testing.assert_array_equal(read_picture(file).pixels, colours)
        with (tmp_path / name).open("rb") as stream:
            np.testing.assert_array_equal(read_picture(stream).pixels, colours)


def test_deep_pictures_come_from_any_stream_and_name(tmp_path, colours):
    deep = colours.astype(np.uint16) * 257
    for name in ("a.png", "größe[2].tif"):
        write_picture(Picture(deep), tmp_path / name)
        np.testing.assert_array_equal(read_picture(tmp_path / name).pixels, deep)
        np.testing.assert_array_equal(read_picture(io.BytesIO((tmp_path / name).read_bytes())).pixels, deep)


@pytest.mark.parametrize("side", [10, 100, 300])
def test_a_tiff_that_only_libvips_reads_may_begin_with_its_tags(tmp_path, side):
    pixels = np.random.default_rng(0).integers(0, 65536, (side, side, 2), dtype=np.uint16)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with_tags_first(pixels))
    for file in (path, io.BytesIO(path.read_bytes())):
        picture = read_picture(file)
        np.testing.assert_array_equal(picture.pixels, pixels)
        assert b"Camera" in picture.metadata.exif


def test_pipes_are_read(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.webp", lossless=True)
    command = [sys.executable, "-c", "import sys\nfrom keras_lisr.pictures import read_picture\n"]
    command[2] += "print(read_picture(sys.stdin.buffer, max_pixels=1000).pixels.sum())"
    done = subprocess.run(command, input=(tmp_path / "a.webp").read_bytes(), capture_output=True, check=True)
    assert int(done.stdout) == colours.sum()
    endless = subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE)
    done = subprocess.run(command, stdin=endless.stdout, capture_output=True, text=True)
    endless.stdout.close()
    endless.wait()
    assert "file='<stdin>' (it is longer than 67116864 bytes)" in done.stderr


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
        xmp = b'<x tiff:Orientation="%d"/>' % orientation
        Image.fromarray(colours).save(file, kind, exif=exif_with(orientation), xmp=xmp, **lossless)
    picture, header = read_picture(file), picture_size(file)
    assert header[:2] == expected.shape[:2] == picture.pixels.shape[:2]
    difference = np.abs(picture.pixels.astype(int) - expected)
    assert difference.mean() <= (2 if kind in ("JPEG", "AVIF") else 0)
    assert b'tiff:Orientation="1"' in picture.metadata.xmp or not picture.metadata.xmp
    for suffix in ("png", "jpg", "tif", "avif"):  # What is written is not turned again by anybody.
        write_picture(picture, tmp_path / f"again.{suffix}")
        with Image.open(tmp_path / f"again.{suffix}") as again:
            assert again.getexif().get(0x0112, 1) == 1
        assert read_picture(tmp_path / f"again.{suffix}").pixels.shape == picture.pixels.shape


def test_too_many_pixels_are_refused_with_the_flag_that_lifts_the_limit(tmp_path, colours):
    message = r"at most 0.0001 megapixels. Received: file='.*', 0.00072 megapixels; --max-pixels 720 lifts the limit$"
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"):
        Image.fromarray(colours).save(tmp_path / "a", kind)
        for read in (read_picture, read_animation):
            with pytest.raises(ValueError, match=message):
                read(tmp_path / "a", max_pixels=100)
            with pytest.raises(ValueError):
                read(tmp_path / "a", max_pixels=719)
        assert read_picture(tmp_path / "a", max_pixels=720).pixels.shape == (24, 30, 3)
        assert picture_size(tmp_path / "a").width == 30


def test_pillows_own_limit_and_warnings_are_restored(monkeypatch, colours):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    file = saved(Image.fromarray(colours), "PNG")
    filters = list(warnings.filters)
    assert read_picture(file).pixels.shape == colours.shape  # Pillow alone would refuse 720 pixels.
    with pytest.raises(ValueError):
        read_picture(io.BytesIO(b"no picture"))
    threads = [threading.Thread(target=lambda: read_picture(io.BytesIO(file.getvalue()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Image.MAX_IMAGE_PIXELS == 100
    assert warnings.filters == filters


def test_an_opaque_alpha_is_kept(colours):
    pixels = read_picture(saved(Image.fromarray(colours).convert("RGBA"), "PNG")).pixels
    assert pixels.shape[2] == 4 and (pixels[..., 3] == 255).all()


def test_colours_that_alpha_was_multiplied_into_are_divided(tmp_path, colours):
    deep = rgba(colours, np.full(colours.shape[:2], 128, np.uint8)).astype(np.uint16) * 257
    image = pyvips.Image.new_from_array(deep).copy(interpretation="rgb16")
    image.tiffsave(str(tmp_path / "deep.tif"), premultiply=True)
    assert np.abs(read_picture(tmp_path / "deep.tif").pixels.astype(int) - deep).max() <= 2
    (image / 257).cast("uchar").copy(interpretation="srgb").tiffsave(str(tmp_path / "a.tif"), premultiply=True)
    assert np.abs(read_picture(tmp_path / "a.tif").pixels.astype(int) - deep // 257).max() <= 2


def test_other_formats_that_pillow_reads(tmp_path, colours):
    for kind in ("PPM", "JPEG2000", "TGA", "PCX", "SGI", "DIB", "QOI"):
        Image.fromarray(colours).save(tmp_path / "a", kind)
        np.testing.assert_array_equal(read_picture(tmp_path / "a").pixels, colours)
        assert picture_size(tmp_path / "a").format == kind


def test_more_than_8_bits_elsewhere_are_read_or_refused_but_never_cut(tmp_path, colours):
    deep = colours.astype(">u2") * 257
    (tmp_path / "a.ppm").write_bytes(b"P6 30 24 65535\n" + deep.tobytes())
    with pytest.raises(ValueError, match="more than 8 bits per channel, which can be read of PNG, TIFF and AVIF"):
        read_picture(tmp_path / "a.ppm")
    (tmp_path / "a.pgm").write_bytes(b"P5 30 24 65535\n" + deep[..., 0].tobytes())
    np.testing.assert_array_equal(read_picture(tmp_path / "a.pgm").pixels[..., 0], deep[..., 0])
    image = pyvips.Image.new_from_array(deep.astype(np.uint16)).copy(interpretation="rgb16")
    for bits in (10, 12):
        image.heifsave(str(tmp_path / "a.avif"), compression="av1", bitdepth=bits, Q=95)
        picture = read_picture(tmp_path / "a.avif")
        assert picture.depth == picture_size(tmp_path / "a.avif").depth == 16
        assert np.abs(picture.pixels.astype(int) - deep).mean() < 2.5 * 257
    Image.fromarray(deep[..., 0].astype(np.uint16)).save(tmp_path / "a.jp2")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.jp2").pixels[..., 0], deep[..., 0])


def test_pages_are_refused_and_further_pictures_of_a_phone_are_not(tmp_path, colours):
    image = Image.fromarray(colours)
    for kind, message in (("TIFF", "it has 2 pages"), ("GIF", "it has 2 frames; they are read as an animation")):
        image.save(tmp_path / "a", kind, save_all=True, append_images=[Image.fromarray(255 - colours)])
        with pytest.raises(ValueError, match=message):
            read_picture(tmp_path / "a")
    image.save(tmp_path / "a", "TIFF", save_all=True, append_images=[image])
    with pytest.raises(ValueError, match="it has 2 pages"):
        read_animation(tmp_path / "a")
    image.save(tmp_path / "a", "MPO", save_all=True, append_images=[image])
    assert picture_size(tmp_path / "a").frames == 1
    assert read_picture(tmp_path / "a").pixels.shape == colours.shape


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in (
        ("missing.png", "No such file or directory"),
        ("empty.png", "the file is empty"),
        (".", "it is a folder"),
        ("pipe.png", "it is no file"),
        ("/dev/zero", "it is no file"),
    ):
        with pytest.raises(ValueError, match=rf"^`file` must be a readable picture. Received: file='.*' \({reason}\)$"):
            read_picture(tmp_path / name)


def test_without_pyvips_only_16_bits_in_colour_are_refused(tmp_path, monkeypatch, colours):
    deep = Picture(colours.astype(np.uint16) * 257)
    write_picture(deep, tmp_path / "deep.png")
    monkeypatch.setitem(sys.modules, "pyvips", None)
    for act in (lambda: read_picture(tmp_path / "deep.png"), lambda: write_picture(deep, tmp_path / "again.png")):
        with pytest.raises(ValueError, match=r"pip install 'keras_lisr\[pictures\]'"):
            act()
    assert picture_size(tmp_path / "deep.png").depth == 16
    grey = Picture(deep.pixels[..., :1])
    write_picture(grey, tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png").pixels, grey.pixels)
    write_picture(deep, tmp_path / "a.jpg")


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_tiff_of_16_bits_where_white_is_zero(order, tmp_path):
    values = np.array([[0, 1000, 65535]], f"{order}u2")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    # Width, height, bits, no compression, WhiteIsZero, where the pixels are, channels, rows, bytes of the pixels.
    tags = [(256, 3), (257, 1), (258, 16), (259, 1), (262, 0), (273, 8), (277, 1), (278, 1), (279, 6)]
    directory = struct.pack(f"{order}H", len(tags)) + b"".join(
        struct.pack(f"{order}HHIH2x", tag, 3, 1, value) for tag, value in tags
    )
    content = magic + struct.pack(f"{order}I", 14) + values.tobytes() + directory + bytes(4)
    (tmp_path / "a.tif").write_bytes(content)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels[..., 0], [[65535, 64535, 0]])


def test_a_tiff_of_endless_directories_is_refused_at_once(tmp_path):
    count = 2000
    directories = b"".join(struct.pack("<HI", 0, 8 + 6 * (i + 1)) for i in range(count))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + directories + bytes(8))
    with pytest.raises(ValueError, match="more than 1000 pages"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("bits", "row", "transparent", "alpha"),
    [
        (1, b"\x1b", 1, [255, 255, 255, 0, 0, 255, 0, 0]),
        (2, b"\x1b", 1, [255, 0, 255, 255]),
        (4, b"\x05\xaf", 15, [255, 255, 255, 0]),
        (8, b"\x00\x05\x0f\xff", 15, [255, 255, 0, 255]),
    ],
)
def test_the_transparent_value_of_grey_of_few_bits(bits, row, transparent, alpha):
    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", len(alpha), 1, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", struct.pack(">H", transparent)), (b"IDAT", zlib.compress(b"\0" + row))]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in (*chunks, (b"IEND", b"")))
    assert read_picture(io.BytesIO(content)).pixels[0, :, 1].tolist() == alpha


def test_what_the_numbers_of_an_avif_mean_goes_along(tmp_path, colours):
    content = saved(Image.fromarray(colours), "AVIF").getvalue()
    assert read_picture(io.BytesIO(content)).metadata == Metadata()
    plain = read_picture(io.BytesIO(content)).pixels
    described = content.replace(b"colrnclx\0\x01\0\x0d", b"colrnclx\0\x09\0\x10")
    picture = read_picture(io.BytesIO(described))
    np.testing.assert_array_equal(picture.pixels, plain)
    assert metadata_losses("a.jpg", picture.metadata)[0].startswith(
        "the colours are not those of sRGB (cICP 9, 16, BT.2020, PQ)"
    )
    write_picture(picture, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[33:45] == b"\0\0\0\x04cICP\x09\x10\0\x01"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = saved(Image.fromarray(colours), "AVIF", icc_profile=profile).getvalue()
    described = content.replace(b"colrnclx\0\x02\0\x02", b"colrnclx\0\x09\0\x10")
    assert read_picture(io.BytesIO(described)).metadata == Metadata(icc_profile=profile)
    assert described != content


@pytest.mark.parametrize(("interpretation", "dtype"), [("cmyk", "u1"), ("cmyk", "u2"), ("srgb", "u1"), ("rgb16", "u2")])
def test_channels_of_a_tiff_that_are_left_out_are_told(tmp_path, colours, interpretation, dtype):
    pixels = np.dstack([colours, *(2 * [colours[..., 0]] if interpretation == "cmyk" else [colours[..., 0]])])
    image = pyvips.Image.new_from_array(pixels.astype(dtype))
    content = image.copy(interpretation=interpretation).tiffsave_buffer()
    position = content.index(struct.pack("<HHI", 338, 3, 1)) + 8  # Extra samples, as alpha.
    for is_alpha in (True, False):
        content = content[:position] + struct.pack("<H", 2 * is_alpha) + content[position + 2 :]
        (tmp_path / "a.tif").write_bytes(content)
        picture = read_picture(tmp_path / "a.tif")
        with StripReader(tmp_path / "a.tif") as rows:
            assert rows.metadata == picture.metadata
        is_kept = is_alpha and interpretation != "cmyk"
        assert picture.pixels.shape[2] == 3 + is_kept
        for strip_metadata in (True, False):
            told = metadata_losses("a.png", picture.metadata, strip_metadata=strip_metadata)
            expected = "channels beside the colours, alpha or spot colours of a TIFF, were left out"
            assert told == (() if is_kept else (expected,))


def test_what_is_not_read_is_told(tmp_path, colours, profiles):
    image = Image.fromarray(colours)
    iptc = b"8BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x78\0\x03abc"
    segment = b"\xff\xed" + struct.pack(">H", 2 + 14 + len(iptc)) + b"Photoshop 3.0\0" + iptc
    jpeg = saved(image, "JPEG", comment=b"words").getvalue()
    image.save(tmp_path / "a.tif", tiffinfo={33723: b"\x1c\x02\x78\0\x03abc"})
    jfif = saved(image, "JPEG").getvalue()
    oblong = jfif[:13] + struct.pack(">BHH", 0, 10, 11) + jfif[18:]
    deep = pyvips.Image.new_from_array(np.dstack([colours, colours])).copy(interpretation="cmyk")
    deep.set_type(pyvips.GValue.blob_type, "iptc-data", b"\x1c\x02\x78\0\x03abcd")
    profile, cmyk = "a colour profile that is broken or for other channels", image.convert("CMYK")
    files = {
        ("IPTC", "a comment"): jpeg[:2] + segment + jpeg[2:],
        ("IPTC",): (tmp_path / "a.tif").read_bytes(),
        ("a comment",): saved(image, "GIF", comment=b"words").getvalue(),
        ("further pictures",): saved(image, "MPO", save_all=True, append_images=[image]).getvalue(),
        (): saved(image, "MPO", save_all=True).getvalue(),
        ("a gain map",): saved(image, "JPEG", xmp=b'<a hdrgm:Version="1.0"/>').getvalue(),
        ("the video of a motion photo",): saved(image, "JPEG", xmp=b"<a GCamera:MotionPhoto='1'/>").getvalue(),
        ("the shape of pixels that are not square",): oblong,
        (profile,): saved(image, "JPEG", icc_profile=b"no profile" * 20).getvalue(),
        (profile, "a comment"): saved(cmyk, "JPEG", icc_profile=profiles["p3"], comment=b"words").getvalue(),
    }
    for names, content in files.items():
        metadata = read_picture(io.BytesIO(content)).metadata
        assert metadata.left_out == names
        assert not metadata.icc_profile
        told = f"what else the file held was left out: {', '.join(names)}"
        assert metadata_losses("a.png", metadata) == ((told,) if names else ())
        assert metadata_losses("a.png", metadata, strip_metadata=True) == ()
    big = deep.tiffsave_buffer(bigtiff=True)
    assert read_picture(io.BytesIO(big)).metadata.left_out == ("IPTC",)
    content = deep.tiffsave_buffer(profile="cmyk")
    for other, left_out in (
        (profiles["cmyk"], ("IPTC",)),
        (profiles["p3"].ljust(len(profiles["cmyk"]), b"\0"), (profile, "IPTC")),
    ):
        metadata = read_picture(io.BytesIO(content.replace(profiles["cmyk"], other))).metadata
        assert (metadata.left_out, metadata.icc_profile) == (left_out, b"")
    for sides in ((10, 11), (10, 10)):
        png = saved(image, "PNG")
        with with_chunks(png, [Chunk(b"pHYs", struct.pack(">IIB", *sides, 0))]):
            png.write(saved(image, "PNG").getvalue())
        assert len(read_picture(png).metadata.left_out) == len(set(sides)) - 1
