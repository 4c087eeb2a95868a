"""The server behind the page: what it gives away, and to whom."""

import importlib.util
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_lisr.basics.whole_files import reason
from keras_lisr.demo.models import Models

BYTES_PER_PIXEL = 16  # Twice what the pixels of 16-bit RGBA take.
BYTES_BESIDE = 2**20
# Pages that wait for their turn; the next one is told that the queue is full.
WAITING = 8


def check_gradio() -> None:
    """Checks that the page can be shown, without importing what shows it.

    Raises:
        ValueError: If Gradio is not installed.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ValueError(
            "Gradio must be installed to show the page: pip install 'keras_lisr[demo]'. Received: no module 'gradio'"
        )


def check_address(host: str, port: int | None) -> None:
    """Checks that a server can listen there.

    Raises:
        OSError: If the host is not one of this machine, or the port is taken.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise OSError(
            f"`host` and `port` must be an address of this machine that is free. Received: host={host!r}, port={port} "
            f"({reason(error)})"
        ) from error


@contextmanager
def serving(models: Models, *, host: str, port: int | None, max_pixels: int) -> Iterator[str]:
    """Serves the page while the block runs.

    What is uploaded and what is made of it lies in a folder that is deleted at the end, and is the only one whose files
    the server gives away. It asks no other server for anything, and its page may not either.

    Args:
        models: What the page offers.
        host: Address to listen at.
        port: Port to listen at; by default the first free one from 7860 on.
        max_pixels: Pixels that a picture may have.

    Returns:
        The page's address.

    Raises:
        ValueError: If Gradio is not installed.
        OSError: If the server cannot listen there.
    """
    check_gradio()
    with tempfile.TemporaryDirectory(prefix="keras_lisr_", ignore_cleanup_errors=True) as folder:
        # Gradio reads settings from there, too, some of them when it is imported: none may open what is closed here.
        for name in [name for name in os.environ if name.startswith("GRADIO_")]:
            del os.environ[name]
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        import gradio as gr
        from starlette.middleware import Middleware

        from keras_lisr.demo.guard import Guard
        from keras_lisr.demo.page import FONTS, make_page
        from keras_lisr.demo.sessions import Sessions

        sessions = Sessions(models, Path(folder), max_pixels)
        page = make_page(sessions).queue(max_size=WAITING, api_open=False, default_concurrency_limit=1)
        try:
            _, address, _ = page.launch(
                server_name=f"[{host}]" if ":" in host else host,  # As it stands in addresses of pages.
                server_port=port,
                max_file_size=BYTES_PER_PIXEL * max_pixels + BYTES_BESIDE,
                allowed_paths=[],
                blocked_paths=[],
                app_kwargs={"middleware": [Middleware(Guard, folder=folder, hosts=names_of(host))]},
                theme=gr.themes.Default(font=FONTS, font_mono=["monospace"]),
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                mcp_server=False,
                pwa=False,
                show_error=True,
                share=False,
                inbrowser=False,
                quiet=True,
                prevent_thread_lock=True,
            )
            yield address
        finally:
            sessions.cancel_all()
            page.close(verbose=False)


def names_of(host: str) -> frozenset[str] | None:
    """The names that a server at an address is known by; None, for any, unless only this machine can reach it.

    Example:

    >>> sorted(names_of("127.0.0.1")), names_of("0.0.0.0")
    (['127.0.0.1', '::1', 'localhost'], None)
    """
    local = {"localhost", "127.0.0.1", "::1"}
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    return frozenset(local | {host}) if is_local else None
