"""Gives a trained network the paper's strategies, or another scale, by copying its weights into a new one."""

import keras

from keras_lisr.layers.channel_wise_scale import ChannelWiseScale
from keras_lisr.layers.global_attention_block import GlobalAttentionBlock

STRATEGY_LAYERS = (GlobalAttentionBlock, ChannelWiseScale)
UPSAMPLER = "upsample"  # What the names of its layers begin with.


def transplant(source: keras.Model, target: keras.Model) -> keras.Model:
    """Sets the weights of a network to those of a trained one, in place.

    The new network may be for another scale: what of its upsampler has another shape then keeps its weights. And it may
    have GGAS and CWSS where the trained one has not: their layers keep theirs, too. Where these start as the identity,
    the new network computes what the trained one does.

    Args:
        source: The trained network; it stays as it is.
        target: A network of the same builder and sizes.

    Returns:
        `target`.

    Raises:
        ValueError: If the two differ in anything else; `target` is as it was then.

    Example:

    >>> from functools import partial
    >>> from keras_lisr.zoo import imdn
    >>> published = imdn(4, num_filters=16, num_blocks=1)
    >>> ggas = partial(GlobalAttentionBlock, starts_at_one=True)
    >>> cwss = partial(ChannelWiseScale, initial_alpha=1.0)
    >>> model = transplant(published, imdn(4, num_filters=16, num_blocks=1, ggas=ggas, cwss=cwss))
    """
    difference = find_difference(source, target)
    if difference is not None:
        raise ValueError(
            "`source` must be a network of the kind of `target`, of any scale, and with no more than its strategies. "
            f"Received: source={source.name!r}, in which {difference}"
        )
    trained = {weight.path: weight for weight in source.weights}
    for weight in target.weights:
        if weight.path in trained and trained[weight.path].shape == weight.shape:
            weight.assign(keras.ops.copy(trained[weight.path]))  # JAX may free what it trains from.
    return target


def find_difference(source: keras.Model, target: keras.Model) -> str | None:
    """Describes the weight's shape or mean colour that prevents a transplant; None if there is nothing."""
    models = source, target
    shapes = [{weight.path: tuple(weight.shape) for weight in model.weights} for model in models]
    strategies = (layer for layer in target.layers if isinstance(layer, STRATEGY_LAYERS))
    added = {weight.path for layer in strategies for weight in layer.weights} - shapes[0].keys()
    for path in {**shapes[0], **shapes[1]}:
        given, wanted = (of_model.get(path, "none") for of_model in shapes)
        if given != wanted and path not in added and not path.startswith(UPSAMPLER):
            return f"{path!r} has shape {given} in place of {wanted}"
    colours = [
        next((tuple(layer.offset) for layer in model.layers if layer.name == "add_mean"), None) for model in models
    ]
    return None if colours[0] == colours[1] else f"mean_colour={colours[0]} in place of {colours[1]}"
