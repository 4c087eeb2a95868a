r"""Measures the presets' LiteRT files and their speed, and writes the tables of README.md, the cards and docs/speed.md.

Each preset is exported to LiteRT in float16, which goes into the package, and in int8, fine-tuned where that would lose
more than 0.20 dB on Set5; the default's goes into the package, too. Both are timed on a picture of 320 x 180 pixels
with two threads. What was measured lies in zoo/presets.json; a preset whose weights have not changed since is not
measured again.

    python zoo/measure.py --representative photographs            # measures what is new, and writes the tables
    python zoo/measure.py                                         # writes the tables alone
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import numpy as np

from keras_lisr.basics.preset_index import DEFAULT_PRESET, Preset, presets

ZOO = Path(__file__).parent
FILES = ZOO / "presets.json"
README = ZOO.parent / "README.md"
SPEED = ZOO.parent / "docs" / "speed.md"
BEGIN, END = "<!-- Written by zoo/measure.py -->", "<!-- The end of what zoo/measure.py writes -->"
MOST_LOSS = 0.20  # dB on Set5.
FINE_TUNING = 300  # Steps.
THREADS = 2
ROUNDS = 7
PICTURE = (180, 320, 3)
MEGAPIXELS = PICTURE[0] * PICTURE[1] / 1e6
ENGINES = ("Keras float32", "Keras bfloat16", "LiteRT float16", "LiteRT int8")


def main() -> None:
    """Measures what is new, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--representative", type=Path, help="folder of photographs, to calibrate int8 with")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure these presets alone")
    flags = parser.parse_args()
    measured = json.loads(FILES.read_text()) if FILES.exists() else {}
    known = presets()
    if flags.representative is not None:
        for preset in known:
            if flags.only and preset.name not in flags.only:
                continue
            if measured.get(preset.name, {}).get("sha256") != preset.sha256:
                measured[preset.name] = {"sha256": preset.sha256, **measure(preset, flags.representative)}
                FILES.write_text(json.dumps(measured, indent=2) + "\n")
    for file in cards():
        write_between(file, card([preset for preset in known if preset.builder == file.stem], measured))
    write_between(ZOO / "README.md", overview(known, measured))
    write_between(README, overview(known, measured, cards="zoo/"))
    write_between(SPEED, speeds(measured))


def cards() -> list[Path]:
    """The cards of the networks."""
    return [file for file in sorted(ZOO.glob("*.md")) if BEGIN in file.read_text() and file.name != "README.md"]


def measure(preset: Preset, representative: Path) -> dict[str, Any]:
    """Sizes, losses and seconds of a preset's files."""
    from keras_lisr.export import export_model
    from keras_lisr.exported import ExportedUpscaler
    from keras_lisr.inference import Upscaler
    from keras_lisr.zoo import from_preset

    model = from_preset(preset.name)
    upscalers: dict[str, Callable] = {
        f"Keras {precision}": Upscaler(model, precision=precision)  # type: ignore[arg-type]
        for precision in ("float32", "bfloat16")
    }
    files: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for quantize in ("float16", "int8"):
            options: dict[str, Any] = {"quantize": quantize, "evaluate": ["set5"]}
            if quantize == "int8":
                options |= {"representative": representative, "io": "uint8", "verify": False}  # Set5 judges it.
            packaged = quantize == "float16" or preset.name == DEFAULT_PRESET
            path = preset.exported(quantize) if packaged else Path(folder) / f"{quantize}.tflite"
            for steps in (0, FINE_TUNING) if quantize == "int8" else (0,):
                sidecar = export_model(model, path, **options, fine_tune=steps)
                loss = sidecar.psnr["Set5"]["float"] - sidecar.psnr["Set5"]["file"]
                files[quantize] = {"bytes": sidecar.bytes, "loss": round(loss, 3), "fine_tuned": steps}
                if loss <= MOST_LOSS:
                    break
            upscalers[f"LiteRT {quantize}"] = ExportedUpscaler(path, threads=THREADS)
        return {"files": files, "seconds": time_in_turn(upscalers)}


def time_in_turn(upscalers: dict[str, Callable]) -> dict[str, float]:
    """Median seconds of each for one picture, taken in turn."""
    picture = np.random.default_rng(0).integers(256, size=PICTURE, dtype=np.uint8)
    seconds: dict[str, list[float]] = {name: [] for name in upscalers}
    for _ in range(ROUNDS + 1):  # The first compiles.
        for name, upscale in upscalers.items():
            start = time.perf_counter()
            upscale(picture)
            seconds[name].append(time.perf_counter() - start)
    return {name: round(statistics.median(taken[1:]), 4) for name, taken in seconds.items()}


def card(of_builder: Iterable[Preset], measured: dict[str, Any]) -> str:
    """The tables of one network's card."""
    of_builder = list(of_builder)
    if not of_builder:
        return "No preset yet."
    sets = list(dict.fromkeys(name for preset in of_builder for name in preset.measured))
    quality = [["preset", *sets, "held out", "flat colours off"]]
    training = [["preset", "from", "steps", "a step", "rate", "hours", "last doubling", "machine"]]
    files = [["preset", "float16", "int8", "int8 loses", *ENGINES]]
    for preset in of_builder:
        trained, name = preset.trained, f"`{preset.name}`"
        psnr = ["{:.2f} / {:.4f}".format(*preset.measured[a_set]) if a_set in preset.measured else "" for a_set in sets]
        quality.append([name, *psnr, *(f"{trained[key]}" if trained else "" for key in ("held_out", "off_colours"))])
        if trained:
            plan = trained["plan"]
            step = f"{plan['batch_size']} of {plan['patch']}²" + (", degraded" if plan["degraded"] else "")
            gained = f"{trained['gained_by_last_doubling']:+.3f} dB"
            training.append(
                [
                    name,
                    f"`{plan['start']}` before it" if plan["start"] else "new",
                    f"{plan['steps']:,}",
                    step,
                    f"{plan['learning_rate']:g}",
                    f"{trained['hours']}",
                    gained,
                    trained["machine"],
                ]
            )
        if preset.name in measured:
            sizes, seconds = measured[preset.name]["files"], measured[preset.name]["seconds"]
            loss = f"{sizes['int8']['loss']:.2f} dB" + (" (fine-tuned)" if sizes["int8"]["fine_tuned"] else "")
            megabytes = [f"{sizes[quantize]['bytes'] / 1e6:.2f} MB" for quantize in ("float16", "int8")]
            files.append([name, *megabytes, loss, *(f"{seconds[engine]:.3f} s" for engine in ENGINES)])
    return "\n\n".join(markdown(rows) for rows in (quality, training, files) if len(rows) > 1)


def overview(known: Iterable[Preset], measured: dict[str, Any], cards: str = "") -> str:
    """The table from which somebody chooses, whose rows link the cards in a folder."""
    rows = [["preset", "for", "parameters", "Set5", "Set14", "LiteRT float16, int8", "seconds a megapixel"]]
    for preset in known:
        psnr = [f"{preset.measured[name][0]:.2f}" if name in preset.measured else "" for name in ("Set5", "Set14")]
        sizes, seconds = [preset.exported().stat().st_size], []
        if found := measured.get(preset.name):
            sizes.append(found["files"]["int8"]["bytes"])
            seconds = [found["seconds"][f"LiteRT {quantize}"] / MEGAPIXELS for quantize in ("float16", "int8")]
        megabytes = ", ".join(f"{size / 1e6:.2f}" for size in sizes)
        cost = [f"{megabytes} MB", ", ".join(f"{taken:.1f}" for taken in seconds)]
        link = f"[`{preset.name}`]({cards}{preset.builder}.md)"
        rows.append([link, preset.use, f"{preset.parameters:,}", *psnr, *cost])
    return markdown(rows)


def speeds(measured: dict[str, Any]) -> str:
    """Seconds that a megapixel takes each preset."""
    rows = [["preset", *ENGINES]]
    for name, found in measured.items():
        rows.append([f"`{name}`", *(f"{found['seconds'][engine] / MEGAPIXELS:.1f} s" for engine in ENGINES)])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    """A table, its first row the heading."""
    heading, *others = (f"| {' | '.join(row)} |" for row in rows)
    rule = " | ".join("---" if name in ("preset", "for", "machine") else "---:" for name in rows[0])
    return "\n".join([heading, f"| {rule} |", *others])


def write_between(file: Path, text: str) -> None:
    """Replaces what stands between the two marks of a file."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"`file` must have the marks {BEGIN!r} and {END!r}. Received: file={str(file)!r}")
    file.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
