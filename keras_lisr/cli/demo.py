"""`keras-lisr demo`: a page on this machine that shows the networks at work."""

import argparse
import threading
import webbrowser

from keras_lisr.basics.preset_index import DEFAULT_PRESET, choose_model
from keras_lisr.cli.start import start_keras

MAX_PIXELS = 2_500_000  # Makes 40 megapixels at x4, more than which a browser is slow to show.


def add_to(commands) -> None:
    """Declares the command."""
    command = commands.add_parser("demo", help="open a page on this machine to see the networks at work")
    command.set_defaults(run=run)
    command.add_argument(
        "-n",
        "--model",
        metavar="MODEL",
        help="what to offer first: preset, .npz preset file, .keras file or exported .tflite file "
        f"(default: {DEFAULT_PRESET})",
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    command.add_argument("--port", type=int, help="port to listen at (default: the first free one from 7860 on)")
    command.add_argument("--no-browser", action="store_true", help="only print the address of the page")
    command.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="PIXELS",
        help="largest picture to take (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Runs the command, until it is interrupted."""
    from keras_lisr.demo.server import check_address, check_gradio, serving

    name = choose_model(arguments.model, exported=True)
    if arguments.port is not None and not 0 < arguments.port < 2**16:
        raise ValueError(f"`port` must be from 1 to 65535. Received: port={arguments.port}")
    check_gradio()
    check_address(arguments.host, arguments.port)
    with start_keras():
        from keras_lisr.demo.models import Models

        models = Models(name)
    with serving(models, host=arguments.host, port=arguments.port, max_pixels=arguments.max_pixels) as address:
        print(f"{address} shows the page; Ctrl-C ends it.", flush=True)
        if not arguments.no_browser:
            webbrowser.open(address)
        threading.Event().wait()
