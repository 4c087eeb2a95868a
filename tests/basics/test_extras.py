import sys

import pytest

from keras_lisr.basics.extras import import_extra


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    assert import_extra("json.decoder", "none") is sys.modules["json.decoder"]
    monkeypatch.setitem(sys.modules, "json", None)
    monkeypatch.delitem(sys.modules, "json.decoder")
    with pytest.raises(ValueError, match=r"^json .*pip install 'keras_lisr\[none\]'. Received: ModuleNotFoundError"):
        import_extra("json.decoder", "none")
