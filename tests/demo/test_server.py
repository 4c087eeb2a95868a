import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_lisr.demo.models import Models
from keras_lisr.demo.server import BYTES_BESIDE, BYTES_PER_PIXEL, check_address
from keras_lisr.pictures import PictureUpscaler, read_picture

SESSION = {"session_hash": "test"}
BOUNDARY = "boundary"


def ask(address, body=None, **headers):
    """Status and body of an answer."""
    request = urllib.request.Request(address, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def upload(server, content, name="in.png"):
    """What the server answers to a file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return ask(f"{server}/gradio_api/upload", body, **{"Content-Type": kind})


def file_data(path):
    """A file as the page says which it means."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def press(server, path, name, *data):
    """What the server answers to an event of the page."""
    events = json.loads(ask(f"{server}/config")[1])["dependencies"]
    (number,) = [event["id"] for event in events if event["api_name"] == name]
    body = json.dumps({"fn_index": number, "data": data, **SESSION}).encode()
    status, answer = ask(f"{server}/gradio_api/{path}", body, **{"Content-Type": "application/json"})
    assert status == 200, answer
    return json.loads(answer)


def upscale(server, path, model="own.npz"):
    """What a press on the button brings in the end."""
    press(server, "run/predict", "begin")
    press(server, "queue/join", "upscale", file_data(path), model)
    with urllib.request.urlopen(f"{server}/gradio_api/queue/data?session_hash=test", timeout=60) as stream:
        for line in stream:
            message = json.loads(line.removeprefix(b"data:")) if line.strip() else {"msg": ""}
            if message["msg"] == "process_completed":
                return message["output"].get("data") or message["output"]["error"]


@pytest.fixture
def uploaded(server, picture):
    status, answer = upload(server, picture.read_bytes())
    assert status == 200
    return json.loads(answer)[0]


def test_a_picture_goes_in_and_a_larger_one_comes_out(server, picture, uploaded, own, tmp_path):
    assert press(server, "run/predict", "look", file_data(uploaded))["data"] == ["30 x 20 pixels"]
    (bicubic, network), summary = upscale(server, uploaded)
    assert summary.startswith("60 x 40 pixels by own.npz in ")
    for file in (bicubic, network):
        status, content = ask(f"{server}/gradio_api/file={file['path']}")
        assert status == 200
        (tmp_path / Path(file["path"]).name).write_bytes(content)
    expected = PictureUpscaler(Models(str(own)).upscaler("own.npz"))(read_picture(picture))
    np.testing.assert_array_equal(read_picture(tmp_path / "in_x2.png").pixels, expected.pixels)
    assert read_picture(tmp_path / "in_bicubic.png").pixels.shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no picture", "it is none of PNG"), (None, "10,000 pixels on this page")]
)
def test_bad_uploads_are_one_line_on_the_page(server, picture, content, reason):
    if content is None:
        Image.new("RGB", (100, 101)).save(picture)
        content = picture.read_bytes()
    path = json.loads(upload(server, content)[1])[0]
    (said,) = press(server, "run/predict", "look", file_data(path))["data"]
    assert "in.png" in said and reason in said
    assert "\n" not in said and str(Path(path).parent) not in said
    assert upscale(server, path) == [None, said]


def test_too_large_an_upload_is_refused(server):
    most = BYTES_PER_PIXEL * 10_000 + BYTES_BESIDE
    status, answer = upload(server, bytes(most + 1))
    assert status == 413 and answer.decode() == f"File size exceeded maximum allowed size of {most} bytes."
    assert upload(server, bytes(most))[0] == 200


def test_no_other_file_is_given_away(server, uploaded):
    for file in (
        "/etc/passwd",
        __file__,
        f"{Path(uploaded).parent}/../../../../etc/passwd",
        "http://127.0.0.1:1/a.png",
    ):
        status, answer = ask(f"{server}/gradio_api/file={file}")
        assert status in (403, 404) and b"root:" not in answer, file


def test_no_other_server_is_asked(server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        for address in (f"http://127.0.0.1:{other.getsockname()[1]}/in.png", "https://example.com/in.png"):
            assert upscale(server, address) == "The picture must be one that was uploaded."
        with pytest.raises(BlockingIOError):
            other.accept()


def test_other_pages_are_refused(server):
    assert ask(server)[0] == 200
    assert ask(server, Origin="http://evil.example")[0] == 403
    assert ask(server, Host="evil.example")[0] == 403
    assert ask(f"{server}/gradio_api/upload", b"", Origin="null")[0] == 403


def test_only_this_machine_is_listened_to(server):
    host, port = server.removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    # Of all addresses, as Linux lists them in hexadecimal, one listens on that port.
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{int(port):04X}")]
    assert listening == [f"0100007F:{int(port):04X}"]
    assert not [line for line in Path("/proc/net/tcp6").read_text().splitlines() if f":{int(port):04X} 000" in line]


# In a process of its own: Gradio warns of what its dependencies will change, and warnings are errors here.
SERVE = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        asked = arguments[1][0] if event == "socket.connect" else arguments[0]
        if asked not in ("127.0.0.1", b"127.0.0.1"):
            print("asked", asked, file=sys.stderr, flush=True)
            os._exit(3)

sys.addaudithook(watch)
from keras_lisr.demo import page, server
from keras_lisr.demo.models import Models

page.CACHE = (1, 1)
with server.serving(Models(sys.argv[1]), host="127.0.0.1", port=None, max_pixels=1000) as address:
    print(address, flush=True)
    input()
"""


def test_files_are_deleted_and_nobody_is_asked(own, picture, tmp_path):
    pytest.importorskip("gradio", reason="Gradio is not installed")
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SHARE": "True",
    }
    command = [sys.executable, "-c", SERVE, own]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        server = process.stdout.readline().strip().rstrip("/")
        path = Path(json.loads(upload(server, picture.read_bytes())[1])[0])
        assert path.is_relative_to(tmp_path)
        assert path.parents[1].stat().st_mode & 0o777 == 0o700
        upscale(server, str(path))
        results = list(path.parents[1].glob("*/*_x2.png"))
        assert len(results) == 1
        deadline = time.monotonic() + 20
        while (path.exists() or results[0].exists()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not path.exists() and not results[0].exists()
        # What Gradio would take from the environment opens nothing.
        assert server.startswith("http://127.0.0.1:")
        assert ask(f"{server}/gradio_api/file=/etc/passwd")[0] == 403
        process.communicate("\n", timeout=60)
    assert process.returncode == 0 and not list(tmp_path.glob("keras_lisr_*"))


def test_the_address_must_be_free_and_of_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        with pytest.raises(OSError, match=f"`port`.*{port}"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(OSError, match=f"`host`.*{host}"):
            check_address(host, None)
