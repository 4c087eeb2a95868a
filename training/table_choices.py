"""Choices that the paper leaves open about GGAS and CWSS, on IMDN at x4, each beside the default.

By default the map of GGAS starts at 0.95 (a bias of 3) and looks 7 pixels wide, and the alphas of CWSS start at 0.9;
the last two are the paper's. Whether H_RL of Eq. 8 sees x or its scaled form makes no difference to IMDN: the first
convolution of each block can hold the alphas. Cells that table_2.py has trained are not trained again.

    python training/table_choices.py --data photographs --output runs/presets --data-root $KERAS_LISR_DATA
"""

import dataclasses
import re
import sys
from functools import partial

import keras
from table_2 import NETWORKS as NETWORKS_OF_TABLE_2
from tables import Cell, main

from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock


def guide_from(block: int, network: keras.Model) -> keras.Model:
    """GGAS whose map is made from the output of a block and guides those after it, in a network without GGAS."""
    maps: list[keras.KerasTensor] = []

    def call(layer: keras.Operation, *inputs, **options):
        found = re.fullmatch(r"block_(\d+)", layer.name)
        if found and int(found[1]) > block:
            return keras.layers.Multiply(name=layer.name)([*inputs, *maps])
        outputs = layer(*inputs, **options)
        if found and int(found[1]) == block:
            maps.append(GlobalAttentionBlock(name="global_attention")(outputs))
        return outputs

    return keras.models.clone_model(network, call_function=call)


CHOICES = [
    Cell("imdn + GGAS, bias 0", {"ggas": partial(GlobalAttentionBlock, initial_bias=0.0)}),
    Cell("imdn + GGAS, kernel 3", {"ggas": partial(GlobalAttentionBlock, kernel_size=3)}),
    Cell("imdn + GGAS, kernel 5", {"ggas": partial(GlobalAttentionBlock, kernel_size=5)}),
    Cell("imdn + GGAS, map of block 3", {}, rewire=partial(guide_from, 3)),
    Cell("imdn + CWSS, alpha 1", {"cwss": partial(ChannelWiseScale, initial_alpha=1.0)}),
]
IMDN = next(network for network in NETWORKS_OF_TABLE_2 if network.recipe == "imdn")
NETWORKS = [dataclasses.replace(IMDN, cells=[*IMDN.cells, *CHOICES])]

if __name__ == "__main__":
    sys.exit(main("Choices that the paper leaves open", NETWORKS))
