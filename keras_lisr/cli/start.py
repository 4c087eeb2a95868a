"""Starts Keras for a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from keras_lisr.basics.silent_start import silent_start


@contextmanager
def start_keras() -> Iterator[TextIO]:
    """Starts Keras without its messages.

    Yields:
        The real standard error, for messages that must be seen meanwhile.
    """
    with silent_start() as seen:
        import keras

        keras.config.set_image_data_format("channels_last")  # Whatever keras.json says.
        yield seen
