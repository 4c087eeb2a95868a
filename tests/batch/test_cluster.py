import socket

import pytest

from keras_lisr.batch import connect


def test_where_nothing_answers_is_no_cluster():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(OSError, match=f"`ray` .*'{address}'"), connect(address):
            pass


@pytest.mark.parametrize("address", ["", "here", "host", "host:", ":6379", "host:0", "host:99999", "http://host:80"])
def test_addresses_are_of_these_kinds(address):
    with pytest.raises(ValueError, match="`ray`"), connect(address):
        pass
