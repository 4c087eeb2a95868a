import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lisr.pictures.size import Size

sides = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(), (400, 600)),
        (Size(scale=1.5), (150, 225)),
        (Size(scale=0.01), (1, 2)),
        (Size(width=300), (200, 300)),
        (Size(height=333), (333, 500)),
        (Size(width=301, height=7), (7, 301)),
        (Size(max_megapixels=0.06), (200, 300)),
        (Size(max_megapixels=0.24), (400, 600)),
        (Size(scale=8, max_megapixels=0.015), (100, 150)),
        (Size(max_megapixels=1e-9), (1, 1)),
    ],
)
def test_the_size_is_as_asked_for(size, expected):
    assert size.of(100, 150, network_scale=4) == expected


@settings(deadline=None)
@given(sides, sides, st.floats(1e-6, 10))
def test_no_more_megapixels_than_allowed_and_the_aspect_ratio_kept(height, width, megapixels):
    wanted = Size(max_megapixels=megapixels).of(height, width, network_scale=4)
    assert 1 <= math.prod(wanted) <= max(1, megapixels * 1e6)
    if min(wanted) > 100:
        assert wanted[0] / wanted[1] == pytest.approx(height / width, rel=0.01)
        assert math.prod(wanted) > 0.97 * min(megapixels * 1e6, 16 * height * width)


@pytest.mark.parametrize(
    ("size", "passes", "note"),
    [
        (Size(), 1, ""),
        (Size(scale=0.5), 0, "without the network, which only enlarges, resized to 75 x 50 pixels"),
        (Size(width=150), 0, "without the network, which only enlarges"),
        (Size(width=10, height=101), 1, "resized to 10 x 101 pixels"),
        (Size(scale=1.5), 1, "resized to 225 x 150 pixels"),
        (Size(width=601), 2, "2 passes of the network (x16), resized to 601 x 401 pixels"),
        (Size(scale=16), 2, "2 passes of the network (x16)"),
    ],
)
def test_the_network_is_repeated_until_the_picture_is_large_enough(size, passes, note):
    assert size.passes(100, 150, network_scale=4) == passes
    assert size.note(100, 150, network_scale=4) == note


@settings(deadline=None)
@given(sides, sides, st.integers(2, 4), st.integers(1, 3))
def test_whole_scales_take_no_more_passes_than_their_power(height, width, scale, power):
    assert Size(scale=scale**power).passes(height, width, scale) == power
    assert Size(scale=scale**power - 0.001).passes(height, width, scale) <= power
    assert Size(width=width * scale**power).passes(height, width, scale) == power


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("scale", value) for value in (0, -2.0, math.nan, math.inf, "2", True)),
        *(("max_megapixels", value) for value in (0, math.inf)),
        *(("width", value) for value in (0, 2.5)),
        *(("height", value) for value in (-1, True)),
    ],
)
def test_what_is_no_positive_number_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        Size(**{name: value})


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="`scale`"):
        Size(scale=2, height=5)
    for size in (Size(scale=257), Size(width=40_000), Size(width=10, height=25_601)):
        with pytest.raises(ValueError, match="256"):
            size.of(100, 150, network_scale=4)
    with pytest.raises(ValueError, match="2147483647"):
        Size().of(600_000_000, 1, network_scale=4)
    assert Size().passes(10, 10, network_scale=1) == 0
    with pytest.raises(ValueError, match="scale 1"):
        Size(scale=2).passes(10, 10, network_scale=1)
