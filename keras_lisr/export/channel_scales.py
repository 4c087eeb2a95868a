"""Scales of channels, propagated through a network: what lets CWSS, and any other factor, vanish into its neighbours.

A convolution may return each of its channels times any factor if whatever reads them divides by it again. Products with
an attention map, sums, concatenations and rectifiers between the two only have to be passed: a positive factor commutes
with all of them, and there are no others here. So every tensor T of a network can be replaced by T' with
``T = scale * T'``, one scale a channel, and what the scales must fulfil is a system of equations, each between two
channels: those that are added are of one scale, those that leave a `ChannelWiseScale` are alpha times those that enter.
Convolutions put no equation between what enters and what leaves them, and so leave the freedom in which the system is
solved.
"""

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from keras_lisr.graph.calls import Call, calls, kind, on_channels
from keras_lisr.layers.channel_attention import ChannelAttention
from keras_lisr.layers.channel_wise_scale import ChannelWiseScale
from keras_lisr.layers.contrast_channel_attention import ContrastChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.layers.global_attention_block import GlobalAttentionBlock

ONE = 0  # The unknown that is no unknown.
# Scales beyond are not divided by: float32 would bear them, the weights of a float16 file would not.
SMALLEST, LARGEST = 2.0**-16, 2.0**16
PASSING = (None, keras.activations.linear, keras.activations.relu, keras.activations.leaky_relu)
GATES = (ChannelAttention, ContrastChannelAttention, EnhancedSpatialAttention)
TOLERANCE = 1e-6  # Relative, at which two scales are the same.


class ContradictionError(Exception):
    """An equation that the others rule out."""


class Scales(NamedTuple):
    """The scales of a tensor's channels: each a factor times an unknown of the system.

    Args:
        unknowns: Their numbers, `(channels,)`.
        factors: `(channels,)`.
    """

    unknowns: np.ndarray
    factors: np.ndarray


class Equations:
    """Unknown scales, of which some are known to be a factor times others.

    A union-find structure: each unknown is a factor times its parent, and a root is free.
    """

    def __init__(self):
        self.parents = [ONE]
        self.factors = [1.0]  # Of the parent.

    def unknowns(self, count: int) -> Scales:
        """So many new ones."""
        first = len(self.parents)
        self.parents += range(first, first + count)
        self.factors += [1.0] * count
        return Scales(np.arange(first, first + count), np.ones(count))

    def ones(self, count: int) -> Scales:
        """So many that are no longer free, but 1."""
        return Scales(np.full(count, ONE), np.ones(count))

    def root(self, unknown: int) -> tuple[int, float]:
        """The free unknown on which another depends, and the factor between them."""
        factor = 1.0
        while self.parents[unknown] != unknown:
            factor *= self.factors[unknown]
            unknown = self.parents[unknown]
        return unknown, factor

    def equate(self, these: Scales, those: Scales) -> None:
        """Has two tensors be of one scale, channel by channel.

        Raises:
            ContradictionError: If they cannot.
        """
        for this, this_factor, that, that_factor in zip(*these, *those, strict=True):
            (one, one_factor), (other, other_factor) = self.root(this), self.root(that)
            one_factor, other_factor = one_factor * this_factor, other_factor * that_factor
            if one == other:
                if abs(one_factor - other_factor) > TOLERANCE * abs(one_factor):
                    raise ContradictionError("two different scales meet")
                continue
            if other == ONE:  # It stays a root.
                one, other, one_factor, other_factor = other, one, other_factor, one_factor
            factor = one_factor / other_factor
            if not SMALLEST <= factor <= LARGEST:
                raise ContradictionError("a scale is too near 0")
            self.parents[other], self.factors[other] = one, factor

    def values(self, scales: Scales, sizes: Mapping[int, float] | None = None) -> np.ndarray:
        """The scales of a tensor as numbers.

        Args:
            scales: The tensor's.
            sizes: Of the free unknowns, by their numbers; 1 by default.
        """
        roots = [self.root(unknown) for unknown in scales.unknowns]
        return scales.factors * [factor * (sizes or {}).get(root, 1.0) for root, factor in roots]


def is_channel_by_channel(call: Call) -> bool:
    """Whether a call joins several tensors, each with its channels, and no constant, which is no tensor."""
    channels = {tensor.shape[-1] for tensor in (*call.inputs, *call.outputs)}
    return len(call.inputs) > 1 and len(channels) == 1


def takes_up_scales(layer: keras.layers.Layer) -> bool:
    """Whether a convolution or normalization has a weight for what enters and for what leaves each channel."""
    if kind(layer) == "BatchNormalization":
        return layer.scale and layer.center
    return getattr(layer, "groups", 1) == getattr(layer, "depth_multiplier", 1) == 1


def passes_scales(layer: keras.layers.Layer) -> bool:
    """Whether a rectifier, or what does nothing, makes of a positive multiple the same multiple."""
    return getattr(layer, "max_value", None) is None and not getattr(layer, "threshold", 0)


class Solution(Equations):
    """The equations of a network, entered call by call: scales that it can have.

    Args:
        kept: Why a `ChannelWiseScale` has to stay, by its name.
    """

    def __init__(self, kept: dict[str, str]):
        super().__init__()
        self.kept = kept
        self.tensors: dict[int, Scales] = {}  # By the tensor's id.
        # Of what enters and what leaves each layer that takes up scales in its weights, by its name.
        self.layers: dict[str, tuple[Scales, Scales]] = {}
        self.last_removed = ""

    def enter(self, call: Call) -> None:
        """Enters what a call demands of its tensors."""
        inputs = [self.tensors[id(tensor)] for tensor in call.inputs]
        for tensor, scales in zip(call.outputs, self._outputs(call, inputs), strict=True):
            self.tensors[id(tensor)] = scales

    def fix(self, scales: Scales) -> None:
        """Has scales be 1."""
        self.equate(scales, self.ones(len(scales.factors)))

    def _outputs(self, call: Call, inputs: list[Scales]) -> list[Scales]:
        """The scales of what a call returns."""
        operation = call.operation
        if type(operation) is ChannelWiseScale:  # A subclass may do anything.
            return [self._scale(operation, inputs[0])]
        if type(operation) is GlobalAttentionBlock:
            return [self._absorb(operation, inputs[0], self.ones(len(inputs[0].factors)))]
        if type(operation) in GATES:
            # A gate of what it is given, which passes; the gate itself takes the scale into its first convolution.
            return [self._absorb(operation, inputs[0], inputs[0])]
        match kind(operation) if call.radius is not None and on_channels(operation) else None:
            case "Conv2D" | "Conv2DTranspose" | "DepthwiseConv2D" | "BatchNormalization" if takes_up_scales(operation):
                outputs = self._absorb(operation, inputs[0], self.unknowns(call.outputs[0].shape[-1]))
                if getattr(operation, "activation", None) not in PASSING:
                    self.fix(outputs)
                return [outputs]
            case "LeakyReLU" | "PReLU" | "ReLU" | "Identity" | "Dropout" if passes_scales(operation):
                return [inputs[0]]
            case "Add" | "Subtract" if is_channel_by_channel(call):
                for other in inputs[1:]:
                    self.equate(inputs[0], other)
                return [inputs[0]]
            case "Multiply" if is_channel_by_channel(call):
                # All but one stay, such as an attention map.
                features, *others = sorted(inputs, key=self._is_known)
                for other in others:
                    self.fix(other)
                return [features]
            case "Concatenate":
                return [Scales(*map(np.concatenate, zip(*inputs, strict=True)))]
            case "Split":
                sections = operation.indices_or_sections
                parts = (np.split(values, sections) for values in inputs[0])
                return [Scales(*part) for part in zip(*parts, strict=True)]
            case "DepthToSpace":
                parts = (np.split(values, operation.block_size**2) for values in inputs[0])
                phases = [Scales(*part) for part in zip(*parts, strict=True)]
                for phase in phases[1:]:
                    self.equate(phases[0], phase)
                return [phases[0]]
        for scales in inputs:  # Whatever else is left as it is.
            self.fix(scales)
        return [self.ones(tensor.shape[-1]) for tensor in call.outputs]

    def _scale(self, layer: ChannelWiseScale, inputs: Scales) -> Scales:
        """What leaves a `ChannelWiseScale`: alpha, which goes into the scale unless the layer stays."""
        if layer.name in self.kept:
            return inputs
        self.last_removed = layer.name
        alpha = np.asarray(keras.ops.convert_to_numpy(layer.alpha), np.float64)
        if (alpha < SMALLEST).any():
            raise ContradictionError("a scale is negative or too near 0")
        return Scales(inputs.unknowns, inputs.factors * alpha)

    def _absorb(self, layer: keras.layers.Layer, inputs: Scales, outputs: Scales) -> Scales:
        """What leaves a layer that takes up scales in its weights; at each call of a shared layer they are the same."""
        if layer.name in self.layers:
            first_inputs, first_outputs = self.layers[layer.name]
            self.equate(first_inputs, inputs)
            return first_outputs
        self.layers[layer.name] = inputs, outputs
        return outputs

    def _is_known(self, scales: Scales) -> bool:
        """Whether nothing about the scales of a tensor is free."""
        return all(self.root(unknown)[0] == ONE for unknown in scales.unknowns)


def solve(model: keras.Model) -> Solution:
    """Finds scales with which `ChannelWiseScale` layers can go.

    Each is assumed to go until the equations contradict one another; the one that came last before then stays.

    Args:
        model: Functional model with one input and one output.

    Raises:
        ValueError: As `graph.calls`.
    """
    graph, output = list(calls(model)), model.outputs[0]
    kept: dict[str, str] = {}
    while True:
        solution = Solution(kept)
        for call in graph:
            try:
                solution.enter(call)
                if any(tensor is output for tensor in call.outputs):
                    solution.fix(solution.tensors[id(output)])
            except ContradictionError as contradiction:
                kept[solution.last_removed] = f"{contradiction} at {call.operation.name}"
                break
        else:
            return solution
