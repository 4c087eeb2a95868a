"""How much memory a process took at most, for code that tests run in one of its own."""

import sys

import pytest

PEAK = '''
def peak():
    """The largest resident size in MiB; that of `getrusage` is the parent's, if it was larger: this was its copy."""
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
'''
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the largest resident size is read from /proc")
