"""What `keras-lisr upscale` was asked for, once its arguments are checked."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras_lisr.cli.standard_streams import Files

if TYPE_CHECKING:
    from keras_lisr.batch import Job, Plan


@dataclass(frozen=True)
class Request:
    """Pictures to be upscaled.

    Args:
        arguments: The command's.
        jobs: Each picture, and where its result goes.
        plan: How they are upscaled.
        model_name: The model's name.
        files: What is read and written; lines on results go where it says, errors and bars to standard error.
        is_single: Whether one picture was asked for, itself: its failure is then that of the command.
    """

    arguments: argparse.Namespace
    jobs: "list[Job]"
    plan: "Plan"
    model_name: str
    files: Files
    is_single: bool
