"""Ray's clusters: reaching one, and how its processors are shared among workers."""

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from keras_lisr.whole_files import reason

HERE, RUNNING, CLIENT = "local", "auto", "ray://"
CPUS_OF_A_WORKER = 4  # More help one picture less than they help another one.
CONNECT_SECONDS = 10
# What a client of HTTP/2, which gRPC and therefore Ray speak, begins with: a fixed text and a frame of no settings.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
SETTINGS = 4  # Type of the frame, at its fourth byte, that every server of HTTP/2 answers with.


class Share(NamedTuple):
    """What each worker gets of a cluster.

    Args:
        workers: How many there are.
        cpus: Processors of each, and threads.
        gpus: GPUs of each.
    """

    workers: int
    cpus: int
    gpus: int = 0


def check_ray() -> None:
    """Checks, without importing it, that Ray is installed.

    Raises:
        ValueError: If it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise ValueError(
            "Ray must be installed to use a cluster: pip install 'keras_lisr[ray]'. Received: no module 'ray'"
        )


def check_address(address: str) -> None:
    """Checks that something answers at an address as Ray does. Ray itself asks for minutes.

    Args:
        address: "local" or "auto", which need no check, `host:port`, or `ray://host:port` for Ray's client.

    Raises:
        ValueError: If it is none of these.
        OSError: If nothing answers, or something else.
    """
    if address in (HERE, RUNNING):
        return
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in host:
        raise ValueError(f"`ray` must be auto, local, host:port or ray://host:port. Received: ray={address!r}")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                connection.sendall(GREETING)
                answer = connection.recv(9)
                if len(answer) < 4 or answer[3] != SETTINGS:
                    raise OSError("what listens there is not Ray; its port is 6379 by default, and 10001 for ray://")
    except OSError as error:
        raise OSError(
            f"`ray` must be the address of a Ray cluster. Received: ray={address!r} ({reason(error)})"
        ) from error


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connects this process to a cluster while the block runs, without a word from Ray.

    Args:
        address: "local" for a cluster of this machine alone that ends with the block, "auto" for the one that runs on
            this machine or that the environment variable RAY_ADDRESS names, `host:port`, or `ray://host:port`.

    Raises:
        ValueError: If Ray is not installed, or the address is none of these.
        OSError: If there is no cluster.

    Example:
        with connected("auto"):
            for task in run_on_ray(jobs, ShippedModel.of("imdn_x4"), Plan()):
                print(task.job.target, task.status)
    """
    check_ray()
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
        text = " ".join(str(error).split())
        raise OSError(f"`ray` must be the address of a Ray cluster. Received: ray={address!r} ({text})") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray sets one that ends the process.
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # The cluster may be gone.
            ray.shutdown()


def share_of(nodes: Sequence[Mapping[str, float]], workers: int | None, uses_gpus: bool) -> Share:
    """How a cluster is shared among workers.

    Args:
        nodes: What each node has, as Ray says it: "CPU", and "GPU" where there are any.
        workers: How many are wanted; by default one for each GPU if they are used, else one for every four processors
            of a node.
        uses_gpus: Whether GPUs are of any use.

    Example:

    >>> share_of([{"CPU": 8.0}, {"CPU": 2.0}], workers=None, uses_gpus=True)
    Share(workers=3, cpus=2, gpus=0)
    >>> share_of([{"CPU": 8.0}, {"CPU": 2.0}], workers=2, uses_gpus=True)
    Share(workers=2, cpus=4, gpus=0)
    >>> share_of([{"CPU": 16.0, "GPU": 2.0}], workers=None, uses_gpus=True)
    Share(workers=2, cpus=8, gpus=1)
    """
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    gpus = [int(node.get("GPU", 0)) if uses_gpus else 0 for node in nodes]
    count = workers or sum(gpus) or sum(-(-there // CPUS_OF_A_WORKER) for there in cpus) or 1
    for each in range(max(cpus, default=1), 1, -1):
        if any(gpus):
            room = sum(min(there // each, cards) for there, cards in zip(cpus, gpus, strict=True))
        else:
            room = sum(there // each for there in cpus)
        if room >= count:
            return Share(count, each, int(any(gpus)))
    return Share(count, 1, int(any(gpus)))
