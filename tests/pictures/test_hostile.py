"""Damaged and malicious files: each gives a picture or one error of one line, soon and in bounded memory."""

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hostile_files import mutate, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import png_chunk
from PIL import Image
from process_memory import ON_LINUX, PEAK

from keras_lisr.pictures import Picture, read_animation, read_picture, write_picture
from keras_lisr.pictures.formats import FORMATS
from keras_lisr.pictures.read import picture_size, read_strips
from keras_lisr.pictures.write import write_rows

SAMPLES = samples()
KINDS = ("byte", "bit", "number", "byte", "bit", "number", "missing", "twice", "end")
edit = st.tuples(st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 2**16 - 1))
# Most of what can go wrong stands at the beginning.
early_edit = st.tuples(st.sampled_from(KINDS[:3]), st.floats(0, 0.3), st.integers(0, 2**16 - 1))


def assert_read_or_refused(content):
    """Reads a file in every way; memory is bounded by what is allowed to be allocated."""
    bounded = {"max_pixels": 2**20}
    for read, options in ((picture_size, {}), (read_picture, bounded), (read_animation, bounded)):
        try:
            read(io.BytesIO(content), **options)
        except ValueError as error:
            message = str(error)
            assert message.startswith("`file` must be ")
            assert message.isprintable() and len(message) < 500


@pytest.mark.parametrize("name", SAMPLES)
def test_whole_files_are_read(name):
    frames = read_animation(io.BytesIO(SAMPLES[name])).frames
    assert len(frames) == (3 if name.startswith("animated") else 1)
    assert sorted(frames[0].pixels.shape[:2]) == [18, 22]


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_off_files(name):
    content = SAMPLES[name]
    for length in sorted({*range(0, 40), *range(0, len(content), max(1, len(content) // 40))}):
        assert_read_or_refused(content[:length])


@settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(SAMPLES)), st.lists(st.one_of(edit, early_edit), min_size=1, max_size=4))
def test_damaged_files(name, edits):
    assert_read_or_refused(mutate(SAMPLES[name], edits))


@contextmanager
def one_line_if_refused():
    try:
        yield
    except (ValueError, OSError) as error:
        message = str(error)
        assert message.isprintable() and 0 < len(message) < 600


def assert_passed_on_or_refused(folder, content, suffix, strip_metadata):
    """Reads a file by rows, and as a whole, and writes what it was in another format: whole, or not at all."""
    source, target = folder / "in", folder / f"out{suffix}"
    source.write_bytes(content)
    with one_line_if_refused():
        rows, metadata = read_strips(source, 2**20)
        write_rows(rows, metadata, target, strip_metadata=strip_metadata)
    if target.exists():
        assert picture_size(target)[:2] == rows.shape[:2]
        target.unlink()
    with one_line_if_refused():
        animation = read_animation(source, max_pixels=2**20)
        write_picture(animation, target, strip_metadata=strip_metadata)
    if target.exists():
        assert picture_size(target)[:2] == animation.frames[0].pixels.shape[:2]
        target.unlink()
    assert [path.name for path in folder.iterdir()] == [source.name]


@settings(max_examples=100, deadline=10_000, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.one_of(edit, early_edit), min_size=1, max_size=3),
    st.sampled_from(sorted(FORMATS)),
    st.booleans(),
)
def test_damaged_files_are_passed_on_or_refused(tmp_path_factory, name, edits, suffix, strip_metadata):
    with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        assert_passed_on_or_refused(Path(folder), mutate(SAMPLES[name], edits), suffix, strip_metadata)


MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0+", b"RIFF1234WEBP"]
edits = st.lists(st.one_of(edit, early_edit), max_size=3)


@settings(max_examples=80, deadline=10_000, database=None, suppress_health_check=list(HealthCheck))
@given(edits, edits, edits, st.sampled_from(sorted(FORMATS)), st.sampled_from([np.uint8, np.uint16]))
def test_damaged_metadata_costs_nobody_the_picture(tmp_path_factory, of_exif, of_profile, of_xmp, suffix, dtype):
    """The metadata of a file are damaged, read and written again."""
    stream = io.BytesIO(SAMPLES["jpeg"])
    with Image.open(stream) as image:
        blocks = {"exif": of_exif, "icc_profile": of_profile, "xmp": of_xmp}
        damaged = {name: mutate(image.info[name], edits) for name, edits in blocks.items()}
        stream = io.BytesIO()
        image.save(stream, "WEBP", **damaged)
    metadata = read_picture(io.BytesIO(stream.getvalue())).metadata
    with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        target = Path(folder) / f"out{suffix}"
        write_picture(Picture(np.full((9, 11, 3), 77, dtype), metadata), target)
        assert picture_size(target)[:2] == (9, 11)


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_arbitrary_content(magic, content):
    assert_read_or_refused(magic + content)


BOUNDED = (
    PEAK
    + """
import json, sys, time
from keras_lisr.pictures import read_animation, read_picture
from keras_lisr.pictures.read import picture_size
read_picture(sys.argv[1])
before = peak()
messages, start = [], time.monotonic()
for read in (picture_size, read_picture, read_animation):
    try:
        read(sys.argv[2])
        messages.append("")
    except ValueError as error:
        messages.append(str(error))
print(json.dumps([messages, peak() - before, time.monotonic() - start]))
"""
)


def run_bounded(tmp_path, content, length=None):
    """Reads a file, filled up with zeros, in its own process: messages, further memory in MiB, seconds."""
    Image.new("RGB", (4, 4)).save(tmp_path / "small.png")
    (tmp_path / "hostile").write_bytes(content)
    os.truncate(tmp_path / "hostile", length or len(content))
    command = [sys.executable, "-c", BOUNDED, tmp_path / "small.png", tmp_path / "hostile"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def png(width, height, *chunks):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(bytes(100))), png_chunk(b"IEND", b"")]
    )


def overlapping_tags(count, length):
    """A TIFF of which every tag means the same bytes: together, they are many times as long as the file."""
    entries = b"".join(struct.pack("<HHII", 1000 + i, 1, length, 0) for i in range(count))
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", count) + entries + struct.pack("<I", 0)
    return head + bytes(length - len(head))


def endless_gif(frames, side=2000):
    """A GIF of many frames, each of them the whole picture in a few bytes."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00"
    return head + frames * frame + b";"


def many_scans(count):
    """A progressive JPEG in which one scan comes again and again."""
    stream = io.BytesIO()
    Image.new("L", (8000, 8000)).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + b"\xff\xd9"


BOMBS = {
    "text of a PNG": lambda: png(4, 4, png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**28)))),
    "profile of a PNG": lambda: png(4, 4, png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**28)))),
    "pixels of a PNG": lambda: png(2**31 - 1, 2**31 - 1),
    "fewer pixels than a PNG says": lambda: png(14_000, 14_000),
    "tags of a TIFF": lambda: overlapping_tags(60_000, 2**21),
    "frames of a GIF": lambda: endless_gif(20_000),
    "size of a GIF": lambda: endless_gif(1).replace(struct.pack("<H", 2000), b"\xff\xff"),
    "scans of a JPEG": lambda: many_scans(600),
    "size of a WebP": lambda: b"RIFF\x1e\0\0\0WEBPVP8X" + struct.pack("<II", 10, 2) + b"\xff" * 6 + b"ANIM",
}


@ON_LINUX
@pytest.mark.parametrize("name", BOMBS)
def test_small_files_do_not_become_large(tmp_path, name):
    messages, mebibytes, seconds = run_bounded(tmp_path, BOMBS[name]())
    assert all(message.startswith("`file` must be ") or not message for message in messages)
    assert mebibytes < 900  # 200 megapixels in RGB.
    assert mebibytes < 150 or name in ("fewer pixels than a PNG says", "size of a GIF")
    assert seconds < 10


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"%PDF-1.4",
        b"push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'https://example.com/'\npop graphic-context",
    ],
)
def test_programs_are_not_run(content):
    with pytest.raises(ValueError, match="`file`"):
        read_picture(io.BytesIO(content))
