import socket

import pytest

from keras_lisr.batch import connect
from keras_lisr.batch.cluster import check_address


def test_what_answers_may_be_ray():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address in ("auto", "local", f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            check_address(address)


def test_where_nothing_answers_is_no_cluster():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(OSError, match=f"`ray` .*'{address}'"), connect(address):
            pass


@pytest.mark.parametrize("address", ["", "here", "host", "host:", ":6379", "host:0", "host:99999", "http://host:80"])
def test_addresses_are_of_these_kinds(address):
    with pytest.raises(ValueError, match="`ray`"):
        check_address(address)
