"""Connects to a Ray cluster."""

import contextlib
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from keras_lisr.basics.whole_files import reason

HERE, RUNNING, CLIENT = "local", "auto", "ray://"
CONNECT_SECONDS = 10


@contextmanager
def connect(address: str) -> Iterator[None]:
    """Connects this process to a Ray cluster while the block runs. Ray prints nothing.

    Args:
        address: "local" starts a cluster on this machine that ends with the block, "auto" finds the one that runs on
            this machine or that the environment variable RAY_ADDRESS names; or `host:port`, or `ray://host:port`.

    Raises:
        ValueError: If the address has another form.
        OSError: If there is no cluster.

    Example:
        with connect("auto"):
            for task in run_on_ray(jobs, "imdn_x4", Plan()):
                print(task.job.target, task.status)
    """
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    is_elsewhere = address not in (HERE, RUNNING)
    if is_elsewhere and (not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in host):
        raise ValueError(f"`ray` must be auto, local, host:port or ray://host:port. Received: ray={address!r}")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Messages about dead workers go to standard output otherwise, whatever `log_to_driver` is.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    try:
        if is_elsewhere:  # Ray itself tries for minutes, and then ends the process.
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dashboard = False if address == HERE else None
            ray.init(address, include_dashboard=dashboard, log_to_driver=False, logging_level=logging.CRITICAL)
    except (Exception, SystemExit) as error:
        why = " ".join(reason(error).split())
        raise OSError(f"`ray` must be the address of a Ray cluster. Received: ray={address!r} ({why})") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray installs one that ends the process.
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # The cluster may be gone.
            ray.shutdown()
