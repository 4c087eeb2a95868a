import numpy as np
import pytest
from picture_files import SRGB, to_cmyk
from PIL import Image, ImageCms

from keras_lisr.pictures.color import is_srgb, rgb_of, to_srgb

# Display P3's numbers in sRGB, by the matrices of CSS Color 4, clipped: its reds lie beyond sRGB.
IN_P3 = {(255, 0, 0): (255, 0, 0), (128, 128, 128): (128, 128, 128), (200, 100, 100): (215, 93, 97)}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numbers_of_a_wide_gamut_become_those_of_srgb(profiles, dtype):
    step = 1 if dtype == np.uint8 else 257
    for before, after in IN_P3.items():
        pixels = np.full((2, 3, 3), before, dtype) * dtype(step)
        converted = to_srgb(pixels, profiles["p3"])
        assert converted.dtype == dtype
        assert np.abs(converted / step - after).max() <= 1
        alpha = np.full((2, 3, 1), 77, dtype)
        both = to_srgb(np.concatenate([pixels, alpha], axis=2), profiles["p3"])
        np.testing.assert_array_equal(both, np.concatenate([converted, alpha], axis=2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2])
def test_grey_stays_grey(profiles, dtype, channels):
    pixels = np.full((2, 3, channels), 100, dtype)
    assert to_srgb(pixels, profiles["p3"]).shape == pixels.shape


def test_srgb_and_broken_profiles_change_nothing(profiles, colours):
    srgb = ImageCms.ImageCmsProfile(SRGB).tobytes()
    assert is_srgb(srgb) and not is_srgb(profiles["p3"])
    for pixels in (colours, colours.astype(np.uint16) * 257):
        for profile in (srgb, b"", b"no profile", profiles["p3"][:200], profiles["cmyk"]):
            np.testing.assert_array_equal(to_srgb(pixels, profile), pixels)


def test_cmyk_goes_through_its_profile_or_without_one_through_pillow(profiles, colours):
    muted = colours // 3 + 120
    image = to_cmyk(muted, profiles["cmyk"])
    naive = np.array(image.convert("RGB"))
    image.info["icc_profile"] = profiles["cmyk"]
    assert np.abs(np.array(rgb_of(image)).astype(int) - muted).mean() < 3 < np.abs(naive.astype(int) - muted).mean()
    for profile in (None, b"", profiles["p3"], profiles["cmyk"][:1000]):
        image.info["icc_profile"] = profile
        np.testing.assert_array_equal(np.array(rgb_of(image)), naive)


def test_lab(colours):
    lab = ImageCms.profileToProfile(Image.fromarray(colours), SRGB, ImageCms.createProfile("LAB"), outputMode="LAB")
    assert np.abs(np.array(rgb_of(lab)).astype(int) - colours).mean() < 3
