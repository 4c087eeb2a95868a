import socket
import sys
import threading
import time

import pytest

from keras_lisr.batch.cluster import check_address, check_ray, connected, share_of


@pytest.fixture
def answering():
    """Makes servers that answer a first message in a certain way, and returns their addresses."""
    servers = []

    def serve(answer):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()


def test_what_answers_as_http_2_may_be_ray(answering):
    settings = b"\0\0\6\4\0\0\0\0\0" + bytes(6)
    check_address(answering(settings))
    check_address(f"ray://{answering(settings)}")
    check_address("auto")
    check_address("local")


def test_other_servers_and_none_are_told_at_once(answering):
    start = time.monotonic()
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-ERR unknown command\r\n", b""):
        with pytest.raises(
            OSError, match=r"`ray` must be the address of a Ray cluster\. .*what listens there is not Ray"
        ):
            check_address(answering(answer))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(OSError, match=f"Received: ray='{address}' .Connection refused.$"), connected(address):
            pass
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("address", ["", "here", "host", "host:", ":6379", "host:0", "host:99999", "http://host:80"])
def test_addresses_are_of_these_kinds(address):
    with pytest.raises(ValueError, match=r"`ray` must be auto, local, host:port or ray://host:port\. Received: ray="):
        check_address(address)


def test_ray_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'keras_lisr\[ray\]'"):
        check_ray()


@pytest.mark.parametrize(
    ("nodes", "workers", "share"),
    [
        ([{"CPU": 2.0}], None, (1, 2, 0)),
        ([{"CPU": 1.0}, {"CPU": 1.0}], None, (2, 1, 0)),
        ([{"CPU": 64.0}, {}], None, (16, 4, 0)),
        ([{"CPU": 8.0}] * 3, 2, (2, 8, 0)),
        ([{"CPU": 3.0}, {"CPU": 5.0}], 3, (3, 2, 0)),
        ([{"CPU": 2.0}], 5, (5, 1, 0)),  # More may come.
        ([], None, (1, 1, 0)),
        ([{"CPU": 8.0, "GPU": 1.0}, {"CPU": 16.0, "GPU": 4.0}], None, (5, 4, 1)),
        ([{"CPU": 8.0, "GPU": 1.0}], 1, (1, 8, 1)),
    ],
)
def test_workers_share_what_there_is(nodes, workers, share):
    assert share_of(nodes, workers, uses_gpus=True) == share
    if share[2]:
        assert share_of(nodes, None, uses_gpus=False).gpus == 0
