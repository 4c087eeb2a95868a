from PIL import Image

from keras_lisr.pictures.profiles import converted, is_usable


def test_what_a_profile_is_for(profiles):
    assert is_usable(profiles["cmyk"], "CMYK") and is_usable(profiles["p3"], "RGB")
    assert not is_usable(profiles["cmyk"], "RGB") and not is_usable(profiles["p3"], "CMYK")
    assert not is_usable(b"", "RGB") and not is_usable(profiles["p3"][:200], "RGB")


def test_wide_gamut_becomes_srgb(profiles):
    assert converted(Image.new("RGB", (1, 1), (200, 50, 50)), profiles["p3"]).getpixel((0, 0))[0] > 205
