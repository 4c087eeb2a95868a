"""Real Ray clusters of several nodes on this machine, and the processes in them."""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parent
AT_WORK = "ray::upscale_one"


@contextmanager
def ray_cluster(nodes, temporary, cpus=1):
    """A cluster whose processes find this package and the tests'; its folder must have a short name."""
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])
    os.environ["TMPDIR"] = str(temporary)  # Where workers put their copies.
    os.environ["RAY_TMPDIR"] = "/tmp"  # Names of sockets are short.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster()
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=cpus, include_dashboard=False)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)


def raylets(cluster):
    """Numbers of the processes of the nodes, the head's first."""
    return [node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()]


def workers_of(raylet):
    """Numbers of the processes of a node that do a task of ours."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # It has just ended.
            continue
        if parent == raylet and title.startswith(AT_WORK):
            found.append(int(folder.name))
    return found


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


def kill(process):
    os.kill(process, signal.SIGKILL)
