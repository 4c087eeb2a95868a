"""Fixtures for the tests of files."""

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base

from keras_lisr.pictures import read_picture


@pytest.fixture(scope="session")
def colours():
    """uint8 RGB, `(24, 30, 3)`, smooth, so that lossy formats keep it; all three channels differ."""
    y, x = np.mgrid[:24, :30]
    return np.stack([x * 6 + 40, y * 8 + 30, 220 - x * 3 - y * 2], axis=-1).astype(np.uint8)


@pytest.fixture(scope="session")
def transparency():
    """uint8 alpha, `(24, 30)`: opaque, transparent, and in between."""
    return np.clip(np.mgrid[:24, :30][1] * 12 - 40, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def metadata(tmp_path_factory):
    """EXIF, a profile, XMP and a resolution that differs across and down, as read from a file."""
    exif = Image.Exif()
    exif[Base.Make] = "maker"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2020:01:02 03:04:05"
    exif.get_ifd(IFD.GPSInfo)[2] = (48.0, 30.0, 15.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\xc3\xa4</x:xmpmeta>'
    file = tmp_path_factory.mktemp("metadata") / "a.jpg"
    Image.new("RGB", (4, 4)).save(file, exif=exif, icc_profile=profile, xmp=xmp, dpi=(300, 150))
    return read_picture(file).metadata


@pytest.fixture(scope="session")
def profiles():
    """Profiles that libvips brings along, by name."""
    return {name: pyvips.Operation.call("profile_load", name) for name in ("cmyk", "p3")}
