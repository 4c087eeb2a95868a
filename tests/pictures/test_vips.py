import io
import logging

import numpy as np
import pytest

from keras_lisr.pictures import Metadata, vips


def test_loaders_for_other_than_pictures_of_strangers_are_blocked(tmp_path):
    pyvips = vips.import_vips()
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_file(str(tmp_path / "a.svg"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_arrays_are_images_and_images_arrays(dtype, channels):
    pixels = np.arange(5 * 7 * channels, dtype=dtype).reshape(5, 7, channels)
    image = vips.from_array(pixels)
    assert (image.height, image.width, image.bands) == pixels.shape
    np.testing.assert_array_equal(vips.to_array(image), pixels)


def test_files_of_other_formats_are_refused():
    with pytest.raises(ValueError, match="it is BMP; only AVIF, JPEG, "):
        vips.load(io.BytesIO(b"BM"), "BMP")


def test_nothing_is_made_up_or_printed(capfd, caplog):
    image = vips.with_metadata(vips.from_array(np.zeros((4, 4, 3), np.uint16)), Metadata(), "PNG")
    with caplog.at_level(logging.WARNING):
        vips.save(image, "PNG", content := io.BytesIO())
    assert b"eXIf" not in content.getvalue() and b"iCCP" not in content.getvalue()
    assert capfd.readouterr() == ("", "")
