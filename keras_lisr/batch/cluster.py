"""Ray's clusters: reaching one."""

import contextlib
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras_lisr.basics.whole_files import reason

HERE, RUNNING, CLIENT = "local", "auto", "ray://"
CONNECT_SECONDS = 10


def check_address(address: str) -> None:
    """Checks that something answers at an address. Ray itself asks for minutes, and then ends the process.

    Args:
        address: "local" or "auto", which need no check, `host:port`, or `ray://host:port` for Ray's client.

    Raises:
        ValueError: If it is none of these.
        OSError: If nothing answers.
    """
    if address in (HERE, RUNNING):
        return
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in host:
        raise ValueError(f"`ray` must be auto, local, host:port or ray://host:port. Received: ray={address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise connection_error(address, reason(error)) from error


@contextmanager
def connect(address: str) -> Iterator[None]:
    """Connects this process to a cluster while the block runs, without a word from Ray.

    Args:
        address: "local" for a cluster of this machine alone that ends with the block, "auto" for the one that runs on
            this machine or that the environment variable RAY_ADDRESS names, `host:port`, or `ray://host:port`.

    Raises:
        ValueError: If the address is none of these.
        OSError: If there is no cluster.

    Example:
        with connect("auto"):
            for task in run_on_ray(jobs, ShippedModel.of("imdn_x4"), Plan()):
                print(task.job.target, task.status)
    """
    check_address(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What nodes tell of workers that died goes to standard output otherwise, whatever `log_to_driver` says.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    import ray

    options: dict[str, Any] = {"include_dashboard": False} if address == HERE else {}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (Exception, SystemExit) as error:
        raise connection_error(address, " ".join(str(error).split())) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray sets one that ends the process.
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # The cluster may be gone.
            ray.shutdown()


def connection_error(address: str, why: str) -> OSError:
    """What to tell of an address at which there is no cluster."""
    return OSError(f"`ray` must be the address of a Ray cluster. Received: ray={address!r} ({why})")
