"""`keras-lisr upscale` from bucket to bucket: s3fs against a real server of S3's protocol, moto's, on this machine.

`make test-slow` installs both.
"""

import importlib.util
import os
import tempfile

import numpy as np
import pytest
from command_line import run, run_in_own_process, start
from PIL import Image
from ray_clusters import kill, ray_cluster, raylets, wait_until, workers_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("s3fs", "moto", "ray")), reason="needs s3fs, moto and Ray"
    ),
]
COUNT = 60
SAME = ("--engine", "litert")  # Chosen for each run, by how much there is to do.
NAMES = ["100 %41.png", "a b/ä\u0301é.png", "q?x=1#f.png", "a+b&c*[d].png"]


@pytest.fixture(scope="module")
def s3():
    """A client of a server that keeps every version of every object: how often each was written."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        for bucket in ("photos", "large"):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client
    server.stop()


@pytest.fixture
def album(s3, tmp_path):
    """Names of the pictures in the bucket, and a folder with what a single process makes of them."""
    folder = tmp_path / "in"
    random = np.random.default_rng(0)
    names = [*(f"{i:03}.png" for i in range(COUNT)), *NAMES]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (36, 48, 3), dtype=np.uint8)).save(folder / name)
        s3.upload_file(str(folder / name), "photos", f"album/{name}")
    s3.put_object(Bucket="photos", Key="album/.hidden.png", Body=b"no picture")
    s3.put_object(Bucket="photos", Key="album/empty/", Body=b"")
    assert run_in_own_process("upscale", *SAME, folder, "-r", "-o", tmp_path / "alone").returncode == 0
    return sorted(names), tmp_path / "alone"


def versions(s3, prefix):
    """Keys below a prefix, each as often as it was written."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket="large", Prefix=f"{prefix}/")
    return sorted(version["Key"].removeprefix(f"{prefix}/") for page in pages for version in page.get("Versions", ()))


def check_all(s3, prefix, album):
    names, alone = album
    assert versions(s3, prefix) == names
    for name in names:
        assert s3.get_object(Bucket="large", Key=f"{prefix}/{name}")["Body"].read() == (alone / name).read_bytes()
    assert not s3.list_multipart_uploads(Bucket="large").get("Uploads")


def test_from_bucket_to_bucket(s3, album, capsys):
    command = ["upscale", *SAME, "s3://photos/album", "-r", "-o", "s3://large/here"]
    done = run_in_own_process(*command)
    assert (done.returncode, done.stderr) == (0, b"keras-lisr: 1 file not tried: hidden 1\n")
    check_all(s3, "here", album)
    done = run_in_own_process(*command, "--skip-existing")
    assert done.stdout.decode().splitlines()[-1].endswith(f": {COUNT + len(NAMES)} skipped")
    check_all(s3, "here", album)

    assert run("upscale", *SAME, "s3://missing/album", "-o", "s3://large/new") == 2
    assert run("upscale", *SAME, "s3://photos/album/000.png", "-o", "s3://large/here/000.png") == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and "s3://missing/album" in errors[0] and "OUT" in errors[1]


def test_a_name_that_leads_elsewhere_is_refused(s3, tmp_path, capsys):
    s3.put_object(Bucket="photos", Key="hostile/../../a.png", Body=b"no picture")
    assert run("upscale", *SAME, "s3://photos/hostile", "-r", "-o", tmp_path / "out") == 2
    assert "'../../a.png'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_killed_worker_loses_and_repeats_nothing(s3, album):
    with tempfile.TemporaryDirectory() as folder, ray_cluster(2, folder) as cluster:
        command = ["upscale", *SAME, "s3://photos/album", "-r", "-o", "s3://large/there", "--ray", cluster.address]
        process = start(*command, "--workers", 2)
        wait_until(lambda: process.poll() is not None or len(versions(s3, "there")) >= 12)
        assert process.poll() is None, process.communicate()
        kill(wait_until(lambda: workers_of(raylets(cluster)[1]))[0])
        _, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, "keras-lisr: 1 file not tried: hidden 1\n")
    check_all(s3, "there", album)
