"""The layer in which a network carries how it was built."""

from typing import Any

import keras


def writes_hdf5() -> bool:
    """Whether Keras is writing HDF5, by `save_model` or with a network inside another, of which it tells nobody."""
    try:
        return bool(keras.src.backend.common.global_state.get_global_attribute("use_legacy_config"))
    except AttributeError:  # Of another version, which writes what cannot be read, as for any model.
        return False


@keras.saving.register_keras_serializable("keras_lisr")
class Origin(keras.layers.Identity):
    """The last layer of a network of the zoo: it returns its input, and holds the call that built the network.

    Keras clones models layer by layer and keeps no attribute of the model itself; what a layer's configuration holds
    survives.

    Args:
        builder: Name of a function of `keras_lisr.zoo`.
        arguments: What it was called with, as JSON holds it.
        **kwargs: As for any layer.
    """

    def __init__(self, builder: str | None = None, arguments: dict[str, Any] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.builder = builder
        self.arguments = arguments

    def get_config(self):
        if writes_hdf5():
            raise ValueError("the file must end in .keras: HDF5 cannot hold the operations of this network")
        return {**super().get_config(), "builder": self.builder, "arguments": self.arguments}
