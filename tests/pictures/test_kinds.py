import io

import pytest
import pyvips

from keras_lisr.pictures import kinds, read_picture
from keras_lisr.pictures.formats import FORMATS


@pytest.fixture
def undecodable(monkeypatch):
    """libvips as pyvips-binary has it: without a decoder of HEVC, and without a loader of JPEG XL."""
    kinds.decodes.cache_clear()
    monkeypatch.setitem(kinds.LOADERS, "JPEG XL", "nosuchload_source")
    monkeypatch.setattr(kinds, "SAMPLES", dict.fromkeys(kinds.SAMPLES, b"broken"))
    yield
    kinds.decodes.cache_clear()


@pytest.mark.parametrize("kind", kinds.SAMPLES)
def test_formats_of_some_libvips_are_read_or_named(kind):
    stream = io.BytesIO(kinds.SAMPLES[kind])
    if kinds.decodes(kind):
        assert read_picture(stream).pixels.shape[2] in (1, 3)
    else:
        with pytest.raises(ValueError, match=f"`file`.*{kind}"):
            read_picture(stream)


@pytest.mark.parametrize("kind", kinds.SAMPLES)
def test_what_cannot_be_decoded_is_named(undecodable, kind):
    head = {"HEIC": b"\0\0\0\x18ftypheic", "JPEG XL": b"\xff\x0a"}[kind]
    with pytest.raises(ValueError, match=f"`file`.*{kind}"):
        read_picture(io.BytesIO(head + bytes(100)))
    assert not any(kinds.is_readable(suffix) for suffix in kinds.READABLE_SOMEWHERE)
    assert all(kinds.is_readable(suffix) for suffix in (*FORMATS, ".JPE", ".jfif"))
    assert not kinds.is_readable("") and not kinds.is_readable(".dds")


def test_what_can_be_decoded_is_read(monkeypatch):
    """As a libvips with all of it does, in which an AVIF stands for HEIC: the loader is the same."""
    kinds.decodes.cache_clear()
    avif = pyvips.Image.black(16, 16, bands=3).copy(interpretation="srgb").heifsave_buffer(compression="av1")
    monkeypatch.setitem(kinds.SAMPLES, "HEIC", avif)
    assert kinds.is_readable(".HEIC")
    heic = avif[:32].replace(b"avif", b"heic") + avif[32:]
    assert kinds.kind_of(heic[: kinds.HEAD]) == "HEIC"
    assert read_picture(io.BytesIO(heic)).pixels.shape == (16, 16, 3)
    kinds.decodes.cache_clear()
