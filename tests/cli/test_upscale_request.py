import dataclasses

import pytest
from keras_lisr.cli.upscale_request import Request


def test_a_request_does_not_change():
    request = Request(None, [], None, "tiny", None, True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.model_name = "other"
