import math

import pytest

from keras_lisr.pictures.size import Size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(), (400, 600)),
        (Size(scale=1.5), (150, 225)),
        (Size(scale=0.01), (1, 2)),
        (Size(scale=1 / 3), (33, 50)),
        (Size(width=300), (200, 300)),
        (Size(height=333), (333, 500)),
        (Size(width=301, height=7), (7, 301)),
        (Size(max_megapixels=0.06), (200, 300)),
        (Size(max_megapixels=0.24), (400, 600)),
        (Size(max_megapixels=0.239), (399, 598)),
        (Size(scale=8, max_megapixels=0.015), (100, 150)),
        (Size(width=1000, height=10, max_megapixels=0.0001), (1, 100)),
        (Size(max_megapixels=1e-9), (1, 1)),
    ],
)
def test_the_size_is_as_asked_for(size, expected):
    assert size.of(100, 150, network_scale=4) == expected


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 1000), (37, 101), (4000, 6000), (999_999, 1)])
@pytest.mark.parametrize("megapixels", [1e-6, 0.001, 1, 7.7])
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
        (Size(scale=4), 1, ""),
        (Size(scale=1), 0, "without the network, which only enlarges"),
        (Size(scale=0.5), 0, "without the network, which only enlarges, resized to 75 x 50 pixels"),
        (Size(width=150), 0, "without the network, which only enlarges"),
        (Size(width=151), 1, "resized to 151 x 101 pixels"),
        (Size(width=10, height=101), 1, "resized to 10 x 101 pixels"),
        (Size(scale=1.5), 1, "resized to 225 x 150 pixels"),
        (Size(width=601), 2, "2 passes of the network (x16), resized to 601 x 401 pixels"),
        (Size(scale=16), 2, "2 passes of the network (x16)"),
        (Size(scale=17), 3, "3 passes of the network (x64), resized to 2550 x 1700 pixels"),
        (Size(scale=16, max_megapixels=0.015), 0, "without the network, which only enlarges"),
    ],
)
def test_the_network_is_repeated_until_the_picture_is_large_enough(size, passes, note):
    assert size.passes(100, 150, network_scale=4) == passes
    assert size.note(100, 150, network_scale=4) == note


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_whole_scales_take_no_more_passes_than_their_power(scale):
    for height, width in [(1, 1), (7, 33), (1001, 3)]:
        for power in (1, 2, 3):
            assert Size(scale=scale**power).passes(height, width, scale) == power
            assert Size(scale=scale**power - 0.001).passes(height, width, scale) <= power
            assert Size(width=width * scale**power).passes(height, width, scale) == power


@pytest.mark.parametrize(
    "arguments",
    [
        {"scale": 0},
        {"scale": -2.0},
        {"scale": math.nan},
        {"scale": math.inf},
        {"scale": "2"},
        {"scale": True},
        {"max_megapixels": 0},
        {"max_megapixels": math.inf},
        {"width": 0},
        {"width": 2.5},
        {"height": -1},
        {"height": True},
    ],
)
def test_what_is_no_positive_number_is_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}`"):
        Size(**arguments)


def test_two_sizes_at_once_are_refused():
    with pytest.raises(ValueError, match="`scale`"):
        Size(scale=2, height=5)


@pytest.mark.parametrize("size", [Size(scale=257), Size(width=40_000), Size(width=10, height=25_601)])
def test_absurd_sizes_are_refused(size):
    with pytest.raises(ValueError, match="256 times"):
        size.of(100, 150, network_scale=4)


def test_sides_that_no_file_has_are_refused():
    with pytest.raises(ValueError, match="2147483647 pixels"):
        Size().of(600_000_000, 1, network_scale=4)


def test_a_network_that_does_not_enlarge_is_not_repeated():
    assert Size().passes(10, 10, network_scale=1) == 0
    with pytest.raises(ValueError, match="scale 1"):
        Size(scale=2).passes(10, 10, network_scale=1)
