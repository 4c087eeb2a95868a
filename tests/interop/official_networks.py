"""Networks in PyTorch whose tensors have the names and shapes of those that the original authors publish.

Written from the papers and from the lists of tensor names, for RGB `(batch, 3, height, width)`: in [0, 255] for EDSR
and RCAN, in [0, 1] for IMDN, CARN and SMFANet.
"""

import math

import torch
from torch import nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)


def mean_shift(factor: float, mean=DIV2K_MEAN) -> nn.Conv2d:
    """A 1x1 convolution that adds the mean colour times `factor`."""
    shift = nn.Conv2d(3, 3, 1)
    shift.load_state_dict({"weight": torch.eye(3)[:, :, None, None], "bias": factor * torch.tensor(mean)})
    return shift


def sub_pixel(filters: int, scale: int, *activation: nn.Module) -> nn.Sequential:
    """The stages of an upsampler: x2 twice for x4."""
    stages = []
    for stage in (2, 2) if scale == 4 else (scale,):
        stages += [conv(filters, filters * stage**2), *activation, nn.PixelShuffle(stage)]
    return nn.Sequential(*stages)


class Gate(nn.Module):
    """Channel attention; with `contrast`, that of IMDN."""

    def __init__(self, filters: int, contrast: bool):
        super().__init__()
        narrow = filters // 16
        self.contrast = contrast
        self.conv_du = nn.Sequential(conv(filters, narrow, 1), nn.ReLU(), conv(narrow, filters, 1), nn.Sigmoid())

    def forward(self, features):
        statistic = features.mean((2, 3), keepdim=True)
        if self.contrast:
            statistic = statistic + ((features - statistic) ** 2).mean((2, 3), keepdim=True).sqrt()
        return features * self.conv_du(statistic)


class Residual(nn.Module):
    """A body, and its input added to what it makes."""

    def __init__(self, *body: nn.Module):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, features):
        return features + self.body(features)


class Imdb(nn.Module):
    def __init__(self, filters: int):
        super().__init__()
        self.quarter = filters // 4
        self.c1 = conv(filters, filters)
        self.c2 = conv(filters - self.quarter, filters)
        self.c3 = conv(filters - self.quarter, filters)
        self.c4 = conv(filters - self.quarter, self.quarter)
        self.cca = Gate(filters, contrast=True)
        self.c5 = conv(filters, filters, 1)

    def forward(self, features):
        distilled, rest = [], features
        for layer in (self.c1, self.c2, self.c3):
            refined = nn.functional.leaky_relu(layer(rest), 0.05)
            distilled.append(refined[:, : self.quarter])
            rest = refined[:, self.quarter :]
        distilled.append(self.c4(rest))
        return features + self.c5(self.cca(torch.cat(distilled, 1)))


class Imdn(nn.Module):
    def __init__(self, scale: int, filters: int = 16, blocks: int = 2):
        super().__init__()
        self.blocks = [f"IMDB{i}" for i in range(1, blocks + 1)]
        self.fea_conv = conv(3, filters)
        for name in self.blocks:
            self.add_module(name, Imdb(filters))
        self.c = nn.Sequential(conv(filters * blocks, filters, 1), nn.LeakyReLU(0.05))
        self.LR_conv = conv(filters, filters)
        self.upsampler = nn.Sequential(conv(filters, 3 * scale**2), nn.PixelShuffle(scale))

    def forward(self, image):
        shallow = features = self.fea_conv(image)
        outputs = []
        for name in self.blocks:
            features = self.get_submodule(name)(features)
            outputs.append(features)
        return self.upsampler(self.LR_conv(self.c(torch.cat(outputs, 1))) + shallow)


class Edsr(nn.Module):
    def __init__(self, scale: int, filters: int = 8, blocks: int = 2):
        super().__init__()
        self.sub_mean, self.add_mean = mean_shift(-255), mean_shift(255)
        self.head = nn.Sequential(conv(3, filters))
        self.body = nn.Sequential(*(self.block(filters) for _ in range(blocks)), conv(filters, filters))
        self.tail = nn.Sequential(sub_pixel(filters, scale), conv(filters, 3))

    def block(self, filters: int) -> nn.Module:
        return Residual(conv(filters, filters), nn.ReLU(), conv(filters, filters))

    def forward(self, image):
        shallow = self.head(self.sub_mean(image))
        return self.add_mean(self.tail(self.body(shallow) + shallow))


class Rcan(Edsr):
    def __init__(self, scale: int, filters: int = 16, blocks: int = 2):
        super().__init__(scale, filters, blocks)

    def block(self, filters: int) -> nn.Module:
        def inner() -> nn.Module:
            return Residual(conv(filters, filters), nn.ReLU(), conv(filters, filters), Gate(filters, contrast=False))

        return Residual(inner(), inner(), inner(), conv(filters, filters))


class Cascade(nn.Module):
    """Members b1, b2, ..., each followed by a 1x1 convolution c1, c2, ... over all that came before it."""

    def __init__(self, filters: int, members: list[nn.Module]):
        super().__init__()
        self.members = len(members)
        for i, member in enumerate(members, start=1):
            self.add_module(f"b{i}", member)
            fusion = nn.Module()
            fusion.body = nn.Sequential(conv((i + 1) * filters, filters, 1), nn.ReLU())
            self.add_module(f"c{i}", fusion)

    def forward(self, features):
        collected = features
        for i in range(1, self.members + 1):
            collected = torch.cat([collected, self.get_submodule(f"b{i}")(features)], 1)
            features = self.get_submodule(f"c{i}").body(collected)
        return features


class RectifiedResidual(Residual):
    def forward(self, features):
        return super().forward(features).relu()


class Carn(Cascade):
    """For one scale, or for all three, of which `scale` is the one that it computes."""

    def __init__(self, scale: int, multi_scale: bool = False, filters: int = 8, blocks: int = 2, inner: int = 3):
        def residual() -> nn.Module:
            return RectifiedResidual(conv(filters, filters), nn.ReLU(), conv(filters, filters))

        super().__init__(filters, [Cascade(filters, [residual() for _ in range(inner)]) for _ in range(blocks)])
        self.sub_mean, self.add_mean = nn.Module(), nn.Module()
        self.sub_mean.shifter, self.add_mean.shifter = mean_shift(-1), mean_shift(1)
        self.entry = conv(3, filters)
        self.upsample = nn.Module()
        for name, factor in {"up2": 2, "up3": 3, "up4": 4}.items() if multi_scale else [("up", scale)]:
            upsampler = nn.Module()
            upsampler.body = sub_pixel(filters, factor, nn.ReLU())
            self.upsample.add_module(name, upsampler)
        self.asked = f"upsample.up{scale if multi_scale else ''}"
        self.exit = conv(filters, 3)

    def forward(self, image):
        features = super().forward(self.entry(self.sub_mean.shifter(image)))
        return self.add_mean.shifter(self.exit(self.get_submodule(self.asked).body(features)))


class Smfa(nn.Module):
    """The approximate self-attention of half of the channels, and the local detail of the other half."""

    def __init__(self, filters: int):
        super().__init__()
        self.linear_0 = conv(filters, 2 * filters, 1)
        self.linear_1, self.linear_2 = conv(filters, filters, 1), conv(filters, filters, 1)
        self.dw_conv = nn.Conv2d(filters, filters, 3, padding=1, groups=filters)
        self.alpha = nn.Parameter(torch.ones(1, filters, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, filters, 1, 1))
        self.lde = nn.Module()
        doubled = nn.Conv2d(filters, 2 * filters, 3, padding=1, groups=filters)
        self.lde.conv_0 = nn.Sequential(doubled, conv(2 * filters, 2 * filters, 1), nn.GELU())
        self.lde.conv_1 = conv(2 * filters, filters, 1)

    def forward(self, features):
        detail, modulated = self.linear_0(features).chunk(2, dim=1)
        height, width = modulated.shape[2:]
        coarse = self.dw_conv(nn.functional.adaptive_max_pool2d(modulated, (height // 8, width // 8)))
        coarse = coarse * self.alpha + modulated.var((2, 3), keepdim=True) * self.belt
        coarse = nn.functional.gelu(self.linear_1(coarse))
        modulated = modulated * nn.functional.interpolate(coarse, size=(height, width), mode="nearest")
        return self.linear_2(modulated + self.lde.conv_1(self.lde.conv_0(detail)))


class Pcfn(nn.Module):
    """A pointwise network in which a quarter of the widened channels see their neighbours."""

    def __init__(self, filters: int):
        super().__init__()
        self.conv_0, self.conv_2 = conv(filters, 2 * filters, 1), conv(2 * filters, filters, 1)
        self.conv_1 = conv(filters // 2, filters // 2)

    def forward(self, features):
        features = nn.functional.gelu(self.conv_0(features))
        quarter = self.conv_1.in_channels
        convolved = nn.functional.gelu(self.conv_1(features[:, :quarter]))
        return self.conv_2(torch.cat([convolved, features[:, quarter:]], 1))


class Smfanet(nn.Module):
    def __init__(self, scale: int, filters: int = 8, blocks: int = 2):
        super().__init__()
        self.to_feat = conv(3, filters)
        self.feats = nn.Sequential()
        for _ in range(blocks):
            block = nn.Module()
            block.smfa, block.pcfn = Smfa(filters), Pcfn(filters)
            self.feats.append(block)
        self.to_img = nn.Sequential(conv(filters, 3 * scale**2), nn.PixelShuffle(scale))

    def forward(self, image):
        shallow = features = self.to_feat(image)
        for block in self.feats:
            features = features + block.smfa(nn.functional.normalize(features))
            features = features + block.pcfn(nn.functional.normalize(features))
        return self.to_img(features + shallow)


def randomize(network: nn.Module, seed: int = 0) -> nn.Module:
    """Draws all weights and biases but the mean colour, large enough for each to show in the result."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "_mean." not in name:
                gain = 1 / math.sqrt(parameter[0].numel()) if parameter.ndim > 1 else 0.2
                parameter.normal_(0, gain, generator=generator)
    return network
