"""The layer that stores how a network was built."""

from typing import Any

import keras


def writes_hdf5() -> bool:
    """Checks whether Keras is writing HDF5; it has no public way to ask."""
    try:
        return bool(keras.src.backend.common.global_state.get_global_attribute("use_legacy_config"))
    except AttributeError:  # Another version writes a file that cannot be read.
        return False


@keras.saving.register_keras_serializable("keras_lisr")
class Origin(keras.layers.Identity):
    """Last layer of a network of the zoo: returns its input, and stores the builder's call in its configuration.

    Keras clones models layer by layer and drops attributes of the model; a layer's configuration survives.
    """

    def __init__(self, builder: str | None = None, arguments: dict[str, Any] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.builder = builder
        self.arguments = arguments

    def get_config(self):
        if writes_hdf5():
            raise ValueError("the file must end in .keras: HDF5 cannot hold the operations of this network")
        return {**super().get_config(), "builder": self.builder, "arguments": self.arguments}
