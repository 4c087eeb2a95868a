import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_lisr.runtime import memory
from keras_lisr.runtime.memory import resident_size


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="psutil is asked on this system")
def test_what_is_allocated_is_seen_and_what_is_freed_is_not():
    before = resident_size()
    pixels = np.ones(2**26, np.uint8)
    assert 2**26 <= resident_size() - before < 2**26 + 2**24
    del pixels
    assert abs(resident_size() - before) < 2**24


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps what it likes")
def test_freed_pieces_are_given_back():
    before = resident_size()
    pieces = [bytes(50_000) for _ in range(2000)]
    kept = pieces[::50]
    del pieces
    assert resident_size() - before < 2**24
    assert len(kept) == 40


def test_a_system_that_does_not_tell_needs_psutil(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATISTICS", tmp_path / "missing")
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ValueError, match="^psutil must be installed to hold a bound on memory on this system: pip"):
        resident_size()


def test_psutil_is_asked_where_the_system_does_not_tell(monkeypatch, tmp_path):
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=12_345))
    monkeypatch.setattr(memory, "STATISTICS", tmp_path / "missing")
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: process))
    assert resident_size() == 12_345
