from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_lisr.data.image_pairs import read_pairs
from keras_lisr.data.imresize import imresize
from keras_lisr.data.pair_files import find_pairs


def picture(seed, height=24, width=30):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def save(image, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(file)


@pytest.mark.parametrize("prefix", ["", "DIV2K_train_"])
@pytest.mark.parametrize("inside", [False, True])
def test_div2ks_layout_is_recognised(tmp_path, prefix, inside):
    """The low-resolution images are not what `imresize` makes, so that it shows whose they are."""
    root = tmp_path / "DIV2K"
    for i in range(2):
        save(picture(i), root / f"{prefix}HR" / f"000{i}.png")
        save(picture(10 + i, 6, 7), root / f"{prefix}LR_bicubic" / "X4" / f"000{i}x4.png")
        save(picture(20 + i, 12, 15), root / f"{prefix}LR_bicubic" / "X2" / f"000{i}x2.png")
    save(picture(5), root / "DIV2K_valid_HR" / "0801.png")
    folder = root / f"{prefix}HR" if inside else root
    pairs = read_pairs(folder, 4)
    assert pairs.names == ["0000.png", "0001.png"]
    np.testing.assert_array_equal(pairs.low_resolution[1], picture(11, 6, 7))
    np.testing.assert_array_equal(pairs.high_resolution[1], picture(1)[:, :28])
    np.testing.assert_array_equal(read_pairs(folder, 3).low_resolution[0], imresize(picture(0), 1 / 3))


def test_a_part_of_div2k_can_be_asked_for(tmp_path):
    for part, name in (("train", "0001"), ("valid", "0801")):
        save(picture(0), tmp_path / f"DIV2K_{part}_HR" / f"{name}.png")
        save(picture(0, 6, 7), tmp_path / f"DIV2K_{part}_LR_bicubic" / "X4" / f"{name}x4.png")
    assert read_pairs(tmp_path, 4).names == ["0001.png"]
    (pair,) = find_pairs(tmp_path, 4, part="valid")
    assert pair.name == "0801.png" and pair.low_resolution.name == "0801x4.png"


@pytest.mark.parametrize("name", ["{}/{}", "{1}/{0}", "set/{1}/{0}/a", "{0}_sharp/{1}"])
@pytest.mark.parametrize("other", ["val", "valid", "validation"])
def test_a_part_is_told_by_any_folder(tmp_path, name, other):
    for part in ("train", other):
        high, low = (name.format(part, role) + "/{}.png" for role in ("hr", "lr"))
        pair_up(tmp_path, high, low)
    for part, wanted in (("train", "train"), ("valid", other)):
        pairs = find_pairs(tmp_path, 4, part=part)
        assert len(pairs) == 2 and all(pair.low_resolution for pair in pairs)
        assert all(wanted in str(pair.high_resolution.relative_to(tmp_path)) for pair in pairs)


def test_several_sets_side_by_side_are_all_read(tmp_path):
    """As DF2K is, with others beside it."""
    for name in ("DIV2K_train_HR/1.png", "Flickr2K_HR/1.png", "DIV2K_valid_HR/2.png", "other/3.png", "4.png"):
        save(picture(0), tmp_path / name)
    save(picture(0, 6, 7), tmp_path / "DIV2K_train_LR_bicubic" / "X4" / "1x4.png")
    names = [pair.name for pair in find_pairs(tmp_path, 4)]
    assert names == ["4.png", "DIV2K_train_HR/1.png", "Flickr2K_HR/1.png", "other/3.png"]


def test_incomplete_low_resolution_is_not_used(tmp_path, caplog):
    for i in range(2):
        save(picture(i), tmp_path / "HR" / f"{i}.png")
    save(picture(9, 6, 7), tmp_path / "LR_bicubic" / "X4" / "0x4.png")
    assert [pair.low_resolution for pair in find_pairs(tmp_path, 4)] == [None, None]
    assert "1.png" in caplog.text and "0.png" not in caplog.text


def pair_up(root, high, low, sizes=((24, 28), (6, 7)), count=2):
    """Files of high and of low resolution, whose names hold a number."""
    for i in range(count):
        for name, (height, width), colour in ((high, sizes[0], 200), (low, sizes[1], 100 + i)):
            save(np.full((height, width, 3), colour, np.uint8), root / name.format(i))


@pytest.mark.parametrize(
    ("high", "low"),
    [
        ("hr/{}.png", "lr/{}.png"),
        ("GT/{}.png", "LQ/{}.png"),
        ("train/HR/{}.png", "train/LR/{}.png"),
        ("HR_train/{}.png", "LR_train/{}x4.png"),
        ("GTmod12/{}.png", "LRbicx4/{}.png"),
        ("{}_HR.png", "{}_LR4.png"),
        ("Canon/4/{}_HR.png", "Canon/4/{}_LR4.png"),
        ("img_{}_SRF_4_HR.png", "img_{}_SRF_4_LR.png"),
        ("DIV2K_train_HR/{}.png", "DIV2K_train_LR_unknown/X4/{}x4.png"),
        ("DIV2K_train_HR/{}.png", "DIV2K_train_LR_mild/{}x4m.png"),
        ("DIV2K_train_HR/{}.png", "DIV2K_train_LR_difficult/{}x4d.png"),
        ("DIV2K_train_HR/{}.png", "DIV2K_train_LR_wild/{}x4w1.png"),
        ("DIV2K_train_HR/{}.png", "DIV2K_train_LR_bicubic_X4/DIV2K_train_LR_bicubic/X4/{}x4.png"),
        ("HR/{}.png", "LR_bicubic/X4/{}.png"),
        ("HR/{}.png", "LR_bicubic/{}x4.png"),
        ("HR/{}.png", "LR_bicubic/X4/{}x4.webp"),
        ("HR/linux{}x2.png", "LR/linux{}x2x4.png"),
        ("original/{}.png", "X4/{}.png"),
        ("mine/{}.png", "small/{}.png"),
        ("mine/a/{}.png", "small/a/{}.png"),
        ("{}.png", "thumbnails/{}.png"),
        ("train_sharp/000/{}.png", "train_sharp_bicubic/X4/000/{}.png"),
        ("{}/hr.png", "{}/lr.png"),
        ("{}/GT.png", "{}/LQ.png"),
        ("{}/high.png", "{}/low.jpg"),
        ("HR{}.png", "LR{}.png"),
        ("{}_high.png", "{}_low.png"),
        ("{}HR.png", "{}LR.png"),
        ("target_{}.png", "input_{}.png"),
        ("{}.png", "{}_small.png"),
        ("{}-original.png", "{}-thumb.jpg"),
        ("{}_256.png", "{}_64.png"),
        ("{}/ground_truth.png", "{}/input.png"),
        ("{}_ground_truth.png", "{}_input.png"),
        ("target/{}_t.png", "input/{}_i.png"),
        ("set/target/{}_t.png", "set/input/{}_i.png"),
        ("bird{}Sharp.png", "bird{}Blurred.png"),
        ("bird{}_GT.png", "bird{}_degraded.png"),
        ("catHR{}.png", "catLR{}.png"),
        ("clip{}_1080p.png", "clip{}_270p.png"),
        ("{}_high_quality.png", "{}_low_quality.png"),
        ("{}.png", "{}_downscaled_by_4.png"),
    ],
)
def test_namesakes_are_pairs(tmp_path, caplog, high, low):
    pair_up(tmp_path, high, low)
    caplog.set_level("INFO")
    pairs = read_pairs(tmp_path, 4)
    assert [image[0, 0, 0] for image in pairs.low_resolution] == [100, 101]
    assert [image.shape for image in pairs.high_resolution] == [(24, 28, 3)] * 2
    (record,) = caplog.records
    assert (tmp_path / low.format(0)).parent.name in record.getMessage() and record.levelname == "INFO"


@pytest.mark.parametrize(("high", "low"), [("mine/{}", "small/{}"), ("{}_target", "{}_input")])
def test_folders_that_count_from_one_are_told_apart(tmp_path, high, low):
    for name in "ab":
        pair_up(tmp_path, f"{high.format(name)}/{{}}.png", f"{low.format(name)}/{{}}.png")
    pairs = find_pairs(tmp_path, 4)
    assert [pair.source for pair in pairs] == [low.format("a")] * 2 + [low.format("b")] * 2
    assert all(Path(pair.source).name[0] == pair.high_resolution.parent.name[0] for pair in pairs)


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_not_used_is_told(tmp_path, caplog, inside):
    pair_up(tmp_path, "DIV2K_train_HR/{}.png", "DIV2K_train_LR_bicubic/X4/{}x4.png")
    pair_up(tmp_path, "DIV2K_train_HR/{}.png", "DIV2K_train_LR_wild/{}x4w1.png")
    pair_up(tmp_path, "DIV2K_train_HR/{}.png", "DIV2K_train_LR_bicubic/X2/{}x2.png", ((24, 28), (12, 14)))
    pairs = find_pairs(tmp_path / "DIV2K_train_HR" if inside else tmp_path, 4)
    assert {pair.source for pair in pairs} == {"DIV2K_train_LR_bicubic/X4"}
    (record,) = caplog.records
    assert "2 of DIV2K_train_LR_wild" in record.getMessage() and "2 of DIV2K_train_LR_bicubic/X2" in record.getMessage()


def test_low_resolution_of_other_names_is_not_trained_on(tmp_path, caplog):
    pair_up(tmp_path, "hr/a{}.png", "lr/b{}.png")
    assert [pair.name for pair in find_pairs(tmp_path, 4)] == ["a0.png", "a1.png"]
    assert caplog.records[0].levelname == "WARNING" and "lr" in caplog.text


@pytest.mark.parametrize(
    ("high", "low", "sizes"),
    [
        ("hr/{}.png", "lr/{}.png", ((24, 28), (8, 9))),  # For another scale.
        ("GT/{}.png", "LQ/{}.png", ((24, 28), (24, 28))),
        ("hr/{}.png", "lr/{}.png", ((6, 7), (24, 28))),
        ("{}.png", "{}_x4.png", ((24, 28), (96, 112))),  # Somebody upscaled them.
        ("mine/{}.png", "small/{}.png", ((24, 28), (8, 9))),
        ("{}HR.png", "{}LR.png", ((24, 28), (8, 9))),
        ("{}.png", "{}_small.png", ((24, 28), (12, 14))),
    ],
)
def test_namesakes_that_do_not_fit_are_an_error(tmp_path, high, low, sizes):
    pair_up(tmp_path, high, low, sizes)
    with pytest.raises(ValueError, match="`folder`.*x4"):
        find_pairs(tmp_path, 4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cat/{}.png", "dog/{}.png"),
        ("2025/a/{}.png", "2026/{}.png"),
        ("DIV2K_HR/{}.png", "Flickr2K_HR/{}.png"),
        ("linu{}.png", "linu{}x4.jpg.png"),
        ("high_{}.png", "low_{}.png"),
        ("cat{}.png", "dog{}.png"),
        ("cat_{}_1.png", "cat_{}_2.png"),
    ],
)
@pytest.mark.parametrize("sizes", [((24, 28), (24, 28)), ((24, 28), (25, 9))])
def test_other_photographs_of_the_same_names_are_originals(tmp_path, first, second, sizes):
    pair_up(tmp_path, first, second, sizes)
    assert [pair.low_resolution for pair in find_pairs(tmp_path, 4)] == [None] * 4


def test_a_few_smaller_copies_are_not_trained_on(tmp_path, caplog):
    pair_up(tmp_path, "{}.png", "{}_web.png")
    pair_up(tmp_path, "lake{}.png", "hill{}.png", ((24, 28), (18, 21)), count=8)
    assert len(find_pairs(tmp_path, 4)) == 2 + 8 + 8
    assert caplog.records[0].levelname == "WARNING"


@pytest.mark.parametrize("names", ["0_a7 0_c3 1_b9 1_d4", "s/x1 s/y5 t/v9 t/w8", "hr1/0 hr2/0 in/0 hr1/1 hr2/1 in/1"])
def test_pairs_that_names_do_not_tell_are_an_error(tmp_path, names):
    for i, name in enumerate(names.split()):
        save(picture(i, *((6, 7) if name[-1] in "3458" or "in" in name else (24, 28))), tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match="`low_resolution`"):
        find_pairs(tmp_path, 4)


def test_low_resolution_alone_is_originals(tmp_path):
    pair_up(tmp_path, "LR_bicubic/X2/{}x2.png", "smaller/{}.png")
    (folder, low) = tmp_path / "LR_bicubic" / "X2", tmp_path / "smaller"
    assert [pair.low_resolution for pair in find_pairs(folder, 4)] == [None, None]
    assert [pair.low_resolution for pair in find_pairs(folder, 4, low_resolution=low)] == [low / "0.png", low / "1.png"]


def test_links_to_files_are_files(tmp_path):
    pair_up(tmp_path, "stored/a{}.png", "stored/b{}.png")
    linked = tmp_path / "linked"
    (linked / "degraded").mkdir(parents=True)
    for i in range(2):
        (linked / f"{i}.png").symlink_to(tmp_path / "stored" / f"a{i}.png")
        (linked / "degraded" / f"{i}.png").symlink_to(tmp_path / "stored" / f"b{i}.png")
    for options in ({}, {"low_resolution": linked / "degraded"}):
        pairs = find_pairs(linked, 4, **options)
        assert [pair.high_resolution for pair in pairs] == [linked / "0.png", linked / "1.png"]
        assert [pair.low_resolution.parent.name for pair in pairs] == ["degraded"] * 2


def test_the_folder_of_low_resolution_can_be_named(tmp_path):
    pair_up(tmp_path, "photographs/{}.png", "degraded/{}-x4.png")
    pair_up(tmp_path, "photographs/{}.png", "photographs/lr/{}.png")
    pairs = find_pairs(tmp_path / "photographs", 4, low_resolution=tmp_path / "degraded")
    assert [pair.low_resolution.name for pair in pairs] == ["0-x4.png", "1-x4.png"]
    (tmp_path / "degraded" / "1-x4.png").unlink()
    with pytest.raises(ValueError, match="`low_resolution`.*1.png"):
        find_pairs(tmp_path / "photographs", 4, low_resolution=tmp_path / "degraded")
