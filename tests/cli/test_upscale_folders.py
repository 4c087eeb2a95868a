import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import COMMAND, run, run_in_own_process, start
from picture_files import enlarge, noise, pixels
from PIL import Image

from keras_lisr import zoo
from keras_lisr.basics.preset_index import FOLDER
from keras_lisr.exported import ExportedUpscaler
from keras_lisr.inference import Upscaler
from keras_lisr.pictures import Picture, write_picture


def test_a_folder_is_upscaled_with_its_tree(album, models, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("upscale", album, "-r", "-o", out, "-n", "tiny_x2", "--suffix", "_large", "--ext", "tif") == 0
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
    assert written == ["Reise/über\nall_large.tif", "a_large.tif", "b_large.tif", "in_large.tif", "zz_large.tif"]
    network = Upscaler(zoo.from_preset(models / "tiny.npz"))
    np.testing.assert_array_equal(pixels(out / "in_large.tif"), enlarge(network, pixels(album / "in.png")))
    printed, errors = capsys.readouterr()
    lines = printed.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("5 pictures in ") and lines[-1].endswith(": 5 written")
    assert repr(str(out / "Reise" / "über\nall_large.tif")) in printed
    assert not errors


def test_a_bad_file_is_told_twice_and_the_rest_goes_on(album, tmp_path, capsys):
    (album / "a.png").write_text("no picture")
    (album / "b.png").write_bytes((album / "b.png").read_bytes()[:-60])
    log = tmp_path / "log.jsonl"
    assert run("upscale", album, "-o", tmp_path / "out", "-n", "tiny_x2", "--json", log) == 1
    assert sorted(os.listdir(tmp_path / "out")) == ["in.png", "zz.png"]
    printed, errors = capsys.readouterr()
    assert printed.splitlines()[-1].endswith(": 2 written, 2 failed")
    lines = errors.splitlines()
    assert [line.startswith("keras-lisr: failed: ") for line in lines] == [True, True, False, False, False, False]
    assert lines[2:4] == ["keras-lisr: 1 folder not tried", "keras-lisr: 2 of 4 pictures failed:"]
    assert [line.strip() for line in lines[4:]] == [line.removeprefix("keras-lisr: failed: ") for line in lines[:2]]
    assert "a.png" in lines[0] and "b.png" in lines[1]

    *records, summary = map(json.loads, log.read_text().splitlines())
    assert [record["status"] for record in records] == ["failed", "failed", "written", "written"]
    assert records[0]["error"] and not records[2]["error"]
    assert records[2]["source"] == str(album / "in.png")
    assert (records[2]["width"], records[2]["target_width"]) == (30, 60)
    assert (summary["pictures"], summary["written"], summary["failed"], summary["model"]) == (4, 2, 2, "tiny_x2")


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal of POSIX")
def test_terminals_show_the_pictures_and_the_tiles(album, tmp_path, exported):
    import termios

    main_side, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (25, 120))
    command = ["upscale", album, "-o", tmp_path / "out", "-n", exported / "any.tflite", "-t", 8]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, command)], stdout=subprocess.PIPE, stderr=terminal
    )
    os.close(terminal)
    text = b""
    try:
        while read := os.read(main_side, 1 << 16):
            text += read
    except OSError:  # So Linux tells that nobody writes any more.
        pass
    os.close(main_side)
    printed, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    assert b"/4 [" in text and b" pictures" in text
    assert b"in.png" in text and b" tiles" in text
    assert printed.count(b"\n") == 5


def test_existing_results_are_refused_skipped_or_replaced(album, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_text("mine")
    command = ["upscale", album, "-o", out, "-n", "tiny_x2"]
    assert run(*command) == 2
    assert "OUT" in capsys.readouterr().err
    assert os.listdir(out) == ["b.png"]

    assert run(*command, "--skip-existing") == 0
    assert (out / "b.png").read_text() == "mine"
    assert len(os.listdir(out)) == 4
    printed = capsys.readouterr().out
    assert f"{out / 'b.png'}: exists, skipped\n" in printed
    assert printed.endswith(": 3 written, 1 skipped\n")

    assert run(*command, "--overwrite") == 0
    assert pixels(out / "b.png").shape == (26, 32, 3)
    assert capsys.readouterr().out.endswith(": 4 written\n")
    assert run(*command, "--overwrite", "--skip-existing") == 2
    assert "--skip-existing" in capsys.readouterr().err


def test_a_dry_run_tells_what_would_be_made(album, tmp_path, capsys):
    (album / "a.png").write_text("no picture")
    frames = [Image.new("RGB", (100, 90), colour) for colour in ("red", "green", "blue")]
    frames[0].save(album / "b.webp", save_all=True, append_images=frames[1:])
    out = tmp_path / "out"
    out.mkdir()
    (out / "zz.png").touch()
    before = sorted(tmp_path.rglob("*"))
    log = tmp_path / "log.jsonl"
    command = ["upscale", album, "-o", out, "-n", "tiny_x2", "--dry-run", "--ext", "auto", "--skip-existing"]
    assert run(*command, "--json", log) == 1
    assert sorted(tmp_path.rglob("*")) == sorted([*before, log])
    printed, errors = capsys.readouterr()
    *records, summary = map(json.loads, log.read_text().splitlines())
    assert [record["status"] for record in records] == ["failed", "planned", "planned", "planned", "skipped"]
    assert [record["frames"] for record in records] == [None, 1, 3, 1, None]
    assert (summary["planned"], summary["not_tried"]) == (3, {"folders": 1})
    assert "1 folder not tried\n" in errors and f"failed: {album / 'a.png'}: " in errors
    assert f"{album / 'in.png'} -> {out / 'in.png'}: 30 x 20 -> 60 x 40 pixels\n" in printed
    assert f"{album / 'b.webp'} -> {out / 'b.webp'}: 100 x 90 -> 200 x 180 pixels, 3 frames\n" in printed
    assert f"{out / 'zz.png'}: exists, skipped\n" in printed
    assert printed.endswith(": 3 planned, 1 skipped, 1 failed\n")


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_folder_is_gone_on_with(picture, exported, number, exit_code):
    folder, out = picture.parent / "many", picture.parent / "out"
    folder.mkdir()
    for i in range(12):
        noise(folder / f"{i:02}.png", 200, 200)
    command = ["upscale", folder, "-o", out, "-n", exported / "any.tflite", "--skip-existing"]
    process = start(*command)
    while process.poll() is None and len(list(out.glob("[0-9]*.png"))) < 2:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (exit_code, "\nkeras-lisr: interrupted\n")
    written = sorted(os.listdir(out))
    assert 2 <= len(written) < 12
    assert written == [f"{i:02}.png" for i in range(len(written))]
    times = {name: (out / name).stat().st_mtime_ns for name in written}

    done = run_in_own_process(*command)
    assert done.returncode == 0, done.stderr
    assert f"{12 - len(written)} written, {len(written)} skipped" in done.stdout.decode()
    assert {name: (out / name).stat().st_mtime_ns for name in written} == times
    expected = enlarge(ExportedUpscaler(exported / "any.tflite"), pixels(folder / "00.png"))
    for i in range(12):
        np.testing.assert_array_equal(pixels(out / f"{i:02}.png"), expected)


def test_a_picture_of_which_no_such_result_is_made_does_not_stop_the_others(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    noise(tmp_path / "in" / "dot.png", 1, 1)
    noise(tmp_path / "in" / "picture.png", 12, 200)
    assert run("upscale", tmp_path / "in", "-o", tmp_path / "out", "-n", "fsrcnn_x4", "--width", 300) == 1
    assert os.listdir(tmp_path / "out") == ["picture.png"]
    assert "dot.png" in capsys.readouterr().err


def test_what_computes_is_told_and_in_which_precision(tmp_path, capsys):
    for name, dtype in (("a.png", np.uint8), ("b.png", np.uint16)):
        (tmp_path / "in").mkdir(exist_ok=True)
        write_picture(Picture(np.full((12, 16, 3), 99, dtype)), tmp_path / "in" / name)
    log = tmp_path / "log"
    options = ("--engine", "openvino", "--precision", "bfloat16", "--json", log)
    preset = FOLDER / "imdn_x4.tflite"
    assert run("upscale", tmp_path / "in", "-o", tmp_path / "out", "-n", preset, *options) == 0
    assert " by openvino in bfloat16 and float32: 2 written" in capsys.readouterr().out
    said = json.loads(log.read_text().splitlines()[-1])
    assert (said["engine"], said["precision"]) == ("openvino", "bfloat16 and float32")
    options = ("-o", tmp_path / "b.png", "-n", preset, *options[:4])
    assert run("upscale", tmp_path / "in" / "b.png", *options) == 0
    assert capsys.readouterr().out.endswith(", openvino float32\n")
