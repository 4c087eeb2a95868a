"""`keras-lisr upscale` from bucket to bucket: gcsfs against an emulator of Google's storage on this machine.

`make test-slow` installs both.
"""

import importlib.util
import socket

import numpy as np
import pytest
from command_line import in_own_process
from PIL import Image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("gcsfs", "gcp_storage_emulator")),
        reason="needs gcsfs and gcp-storage-emulator",
    ),
]
NAMES = ["0.png", "1.png", "100 %41.png", "a b/ä\u0301é.png"]


@pytest.fixture
def gcs(monkeypatch):
    """A client of the emulator."""
    from gcp_storage_emulator.server import create_server

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="photos")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("FSSPEC_GCS_TOKEN", "anon")
    # It asks for the kind of a bucket over gRPC, which the emulator has not.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    import gcsfs

    client = gcsfs.GCSFileSystem(token="anon", skip_instance_cache=True, use_listings_cache=False)
    client.mkdir("large")
    yield client
    server.stop()


def test_from_bucket_to_bucket(gcs, tmp_path):
    random = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (36, 48, 3), dtype=np.uint8)).save(path)
        gcs.put_file(str(path), f"photos/album/{name}")
    assert in_own_process("upscale", tmp_path / "in", "-r", "-o", tmp_path / "alone").returncode == 0

    command = ["upscale", "gs://photos/album", "-r", "-o", "gs://large/here"]
    done = in_own_process(*command)
    assert done.returncode == 0, done.stderr
    assert sorted(gcs.find("large")) == sorted(f"large/here/{name}" for name in NAMES)
    for name in NAMES:
        assert gcs.cat_file(f"large/here/{name}") == (tmp_path / "alone" / name).read_bytes()
    done = in_own_process(*command, "--skip-existing")
    assert done.stdout.decode().splitlines()[-1].endswith(f": {len(NAMES)} skipped")
