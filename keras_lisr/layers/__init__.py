"""Layers that plug into any functional Keras model: the paper's strategies, the attention of its Table 1, bicubic."""

from keras_lisr.layers.approximate_self_attention import ApproximateSelfAttention
from keras_lisr.layers.bicubic_upsample import BicubicUpsample
from keras_lisr.layers.channel_attention import ChannelAttention
from keras_lisr.layers.channel_wise_scale import ChannelWiseScale
from keras_lisr.layers.contrast_channel_attention import ContrastChannelAttention
from keras_lisr.layers.enhanced_spatial_attention import EnhancedSpatialAttention
from keras_lisr.layers.global_attention_block import GlobalAttentionBlock
from keras_lisr.layers.spatial_attention import SpatialAttention

__all__ = [
    "ApproximateSelfAttention",
    "BicubicUpsample",
    "ChannelAttention",
    "ChannelWiseScale",
    "ContrastChannelAttention",
    "EnhancedSpatialAttention",
    "GlobalAttentionBlock",
    "SpatialAttention",
]
