"""Reports of several upscalers on several sets, as Markdown, JSON and CSV."""

import csv
import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from keras_lisr.evaluation.evaluate import EvaluationResult, Measures

MEASURES = "| PSNR | SSIM | RGB PSNR | RGB SSIM | seconds |"


@dataclass(frozen=True)
class Entry:
    """One upscaler on one benchmark set; bicubic has neither a computation (precision and tiles) nor costs."""

    model: str
    computation: str | None
    parameters: int | None
    multiply_accumulates: int | None
    result: EvaluationResult


def markdown(entries: Sequence[Entry]) -> str:
    """Writes a section for each run of entries of one set and scale: protocol, table of means, table of images."""
    groups = itertools.groupby(entries, key=lambda entry: (entry.result.set_name, entry.result.scale))
    return "\n\n".join(_section(list(group)) for _, group in groups) + "\n"


def _section(entries: Sequence[Entry]) -> str:
    result = entries[0].result
    count = len(result.images)
    return "\n".join(
        [
            f"## {result.set_name} ×{result.scale}",
            "",
            f"{count} {'image' if count == 1 else 'images'}, low resolution: {result.low_resolution_source}. "
            f"{result.protocol}.",
            *(f"{entry.model}: {entry.computation}." for entry in entries if entry.computation),
            "Seconds an image, and multiply-accumulates for 1280x720 pixels.",
            "",
            f"| mean | parameters | multiply-accumulates {MEASURES}",
            f"| --- | ---: | ---: {'| ---: ' * 5}|",
            *(f"| {entry.model} | {_cost(entry)} {_cells(entry.result.mean)}" for entry in entries),
            "",
            f"| image | upscaler {MEASURES}",
            f"| --- | --- {'| ---: ' * 5}|",
            *(
                f"| {name} | {entry.model} {_cells(entry.result.images[name])}"
                for name in dict.fromkeys(name for entry in entries for name in entry.result.images)
                for entry in entries
                if name in entry.result.images
            ),
            *(
                f"\nSkipped by {entry.model}: {name} ({' '.join(reason.split())})"
                for entry in entries
                for name, reason in entry.result.skipped.items()
            ),
        ]
    )


def _cost(entry: Entry) -> str:
    if entry.parameters is None or entry.multiply_accumulates is None:
        return "|"
    return f"{entry.parameters:,} | {entry.multiply_accumulates / 1e9:.1f} G"


def _cells(row: Measures) -> str:
    return f"| {row.psnr:.2f} | {row.ssim:.4f} | {row.rgb_psnr:.2f} | {row.rgb_ssim:.4f} | {row.seconds:.3f} |"


def as_json(entries: Sequence[Entry]) -> str:
    """Writes all numbers and the means; the infinite PSNR of identical images becomes null."""
    dictionaries = [
        asdict(entry) | {"protocol": str(entry.result.protocol), "mean": asdict(entry.result.mean)} for entry in entries
    ]
    return json.dumps(json.loads(json.dumps(dictionaries), parse_constant=lambda infinity: None), indent=2)


def as_csv(entries: Sequence[Entry]) -> str:
    """Writes a row for each upscaler and image."""
    rows = [
        {
            "set": entry.result.set_name,
            "scale": entry.result.scale,
            "low_resolution": entry.result.low_resolution_source,
            "protocol": str(entry.result.protocol),
            "model": entry.model,
            "computation": entry.computation,
            "parameters": entry.parameters,
            "multiply_accumulates": entry.multiply_accumulates,
            "image": name,
            **asdict(measures),
        }
        for entry in entries
        for name, measures in entry.result.images.items()
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
