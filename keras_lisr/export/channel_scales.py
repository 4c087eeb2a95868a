"""Propagates scales of channels through a network, so that CWSS can be folded into its neighbours.

A convolution may multiply each of its output channels by any positive factor if whatever reads them divides by it:
products with an attention map, sums, concatenations and rectifiers commute with it. So every tensor T can be replaced
by T' with ``T = scale * T'``, one scale a channel. The scales fulfil a system of equations between two channels each:
added channels have the same scale, a `ChannelWiseScale` multiplies it by alpha. A convolution takes both sides into its
kernel and puts no equation between them, which is the freedom in which the system is solved.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lisr.graph.calls import Call, calls, kind, on_channels
from keras_lisr.layers.channel_attention import ChannelAttention
from keras_lisr.layers.channel_wise_scale import ChannelWiseScale
from keras_lisr.layers.contrast_channel_attention import ContrastChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.layers.global_attention_block import GlobalAttentionBlock

ONE = 0  # The unknown whose value is 1.
SMALLEST, LARGEST = 2.0**-16, 2.0**16  # The range of scales that the weights of a float16 file bear.
PASSING = (None, keras.activations.linear, keras.activations.relu, keras.activations.leaky_relu)
GATES = (ChannelAttention, ContrastChannelAttention, EnhancedSpatialAttention)
TOLERANCE = 1e-6  # Relative difference of two scales that count as equal.


class ContradictionError(Exception):
    """Raised for an equation that contradicts the others."""


class Scales(NamedTuple):
    """Scales of a tensor's channels, each a factor times an unknown: numbers and factors, `(channels,)` both."""

    unknowns: np.ndarray
    factors: np.ndarray


class Solution:
    """Scales that a network can have; its equations are entered call by call.

    The unknowns are a union-find structure: each is a factor times its parent, and a root is free.

    Args:
        kept: Reasons why layers `ChannelWiseScale` have to stay, by their names.
    """

    def __init__(self, kept: dict[str, str]):
        self.kept = kept
        self.parents = [ONE]
        self.factors = [1.0]  # Relative to the parent.
        self.tensors: dict[int, Scales] = {}  # By the tensor's id.
        self.layers: dict[str, tuple[Scales, Scales]] = {}  # Of both sides of each absorbing layer, by its name.
        self.last_removed = ""

    def unknowns(self, count: int) -> Scales:
        """Adds free scales."""
        first = len(self.parents)
        self.parents += range(first, first + count)
        self.factors += [1.0] * count
        return Scales(np.arange(first, first + count), np.ones(count))

    def ones(self, count: int) -> Scales:
        """Returns scales of 1."""
        return Scales(np.full(count, ONE), np.ones(count))

    def root(self, unknown: int) -> tuple[int, float]:
        """Returns the free unknown on which another depends, and the factor between them."""
        factor = 1.0
        while self.parents[unknown] != unknown:
            factor *= self.factors[unknown]
            unknown = self.parents[unknown]
        return unknown, factor

    def equate(self, these: Scales, those: Scales) -> None:
        """Makes the scales of two tensors equal, channel by channel, or raises a ContradictionError."""
        for this, this_factor, that, that_factor in zip(*these, *those, strict=True):
            (one, one_factor), (other, other_factor) = self.root(this), self.root(that)
            one_factor, other_factor = one_factor * this_factor, other_factor * that_factor
            if one == other:
                if abs(one_factor - other_factor) > TOLERANCE * abs(one_factor):
                    raise ContradictionError("two different scales meet")
                continue
            if other == ONE:  # It has to stay a root.
                one, other, one_factor, other_factor = other, one, other_factor, one_factor
            factor = one_factor / other_factor
            if not SMALLEST <= factor <= LARGEST:
                raise ContradictionError("a scale is too near 0")
            self.parents[other], self.factors[other] = one, factor

    def values(self, scales: Scales, sizes: Mapping[int, float] | None = None) -> np.ndarray:
        """Returns scales as numbers, for these values of the free unknowns, 1 by default."""
        roots = [self.root(unknown) for unknown in scales.unknowns]
        return scales.factors * [factor * (sizes or {}).get(root, 1.0) for root, factor in roots]

    def enter(self, call: Call) -> None:
        """Enters the equations of a call."""
        inputs = [self.tensors[id(tensor)] for tensor in call.inputs]
        for tensor, scales in zip(call.outputs, self._outputs(call, inputs), strict=True):
            self.tensors[id(tensor)] = scales

    def fix(self, scales: Scales) -> None:
        """Makes scales 1."""
        self.equate(scales, self.ones(len(scales.factors)))

    def is_fixed(self, scales: Scales) -> bool:
        """Checks whether scales are known numbers."""
        return all(self.root(unknown)[0] == ONE for unknown in scales.unknowns)

    def _outputs(self, call: Call, inputs: list[Scales]) -> list[Scales]:
        """Returns the scales of a call's outputs."""
        operation = call.operation
        if type(operation) is ChannelWiseScale:  # A subclass may do anything.
            return [self._scale(operation, inputs[0])]
        if type(operation) is GlobalAttentionBlock:
            return [self._absorb(operation, inputs[0], self.ones(len(inputs[0].factors)))]
        if type(operation) in GATES:
            # The features pass; the gate's first convolution absorbs their scales.
            return [self._absorb(operation, inputs[0], inputs[0])]
        match kind(operation) if call.radius is not None and on_channels(operation) else None:
            case "Conv2D" | "Conv2DTranspose" | "DepthwiseConv2D" | "BatchNormalization" if absorbs_scales(operation):
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
                features, *others = sorted(inputs, key=self.is_fixed)
                for other in others:  # Such as an attention map.
                    self.fix(other)
                return [features]
            case "Concatenate":
                return [Scales(*map(np.concatenate, zip(*inputs, strict=True)))]
            case "Split":
                return split(inputs[0], operation.indices_or_sections)
            case "DepthToSpace":
                first, *others = split(inputs[0], operation.block_size**2)
                for phase in others:
                    self.equate(first, phase)
                return [first]
        for scales in inputs:  # Other operations stay as they are.
            self.fix(scales)
        return [self.ones(tensor.shape[-1]) for tensor in call.outputs]

    def _scale(self, layer: ChannelWiseScale, inputs: Scales) -> Scales:
        """Multiplies scales by alpha, unless the layer stays."""
        if layer.name in self.kept:
            return inputs
        self.last_removed = layer.name
        alpha = np.asarray(keras.ops.convert_to_numpy(layer.alpha), np.float64)
        if (alpha < SMALLEST).any():
            raise ContradictionError("a scale is negative or too near 0")
        return Scales(inputs.unknowns, inputs.factors * alpha)

    def _absorb(self, layer: keras.layers.Layer, inputs: Scales, outputs: Scales) -> Scales:
        """Returns the output scales of an absorbing layer, which has the same ones at each of its calls."""
        if layer.name in self.layers:
            first_inputs, first_outputs = self.layers[layer.name]
            self.equate(first_inputs, inputs)
            return first_outputs
        self.layers[layer.name] = inputs, outputs
        return outputs


def is_channel_by_channel(call: Call) -> bool:
    """Checks whether a call joins several tensors channel by channel; constants are no tensors."""
    channels = {tensor.shape[-1] for tensor in (*call.inputs, *call.outputs)}
    return len(call.inputs) > 1 and len(channels) == 1


def absorbs_scales(layer: keras.layers.Layer) -> bool:
    """Checks whether a convolution or normalization has weights to absorb any scales of its two sides."""
    if kind(layer) == "BatchNormalization":
        return layer.scale and layer.center
    return getattr(layer, "groups", 1) == getattr(layer, "depth_multiplier", 1) == 1


def passes_scales(layer: keras.layers.Layer) -> bool:
    """Checks whether a rectifier or identity commutes with positive factors."""
    return getattr(layer, "max_value", None) is None and not getattr(layer, "threshold", 0)


def split(scales: Scales, sections: Any) -> list[Scales]:
    """Splits scales as `np.split`."""
    return [Scales(*part) for part in zip(*(np.split(values, sections) for values in scales), strict=True)]


def solve(model: keras.Model) -> Solution:
    """Finds scales with which as many layers `ChannelWiseScale` as possible can be removed.

    All are removed at first; when the equations contradict one another, the last one before is kept.

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
