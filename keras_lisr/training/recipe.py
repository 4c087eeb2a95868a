"""What a training run is, as plain frozen data."""

import dataclasses
from collections.abc import Callable

import keras

from keras_lisr.data.degradation import Degradation
from keras_lisr.data.image_pairs import ImagePairs
from keras_lisr.data.patches import PatchSampler
from keras_lisr.training.optimizer import AveragingAdam, AveragingMuon
from keras_lisr.training.schedules import Schedule

OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {"adam": AveragingAdam, "muon": AveragingMuon}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to train one network: everything but the images, the folder and the machine.

    Args:
        build: Makes the untrained network. A function, not a model: the precision policy has to be set first.
        scale: Upscaling factor of the network.
        steps: Number of training steps.
        learning_rate: Peak learning rate.
        schedule: How the learning rate goes over the steps.
        patch_size: Side of the high-resolution patches.
        batch_size: Patches in a step.
        candidates: Patches drawn for each one trained on; the most detailed are kept, see `PatchSampler`.
        degradation: What makes the low-resolution patches in place of bicubic, for a network that is to serve photos as
            they are.
        smooth_share: What part of the patches are colours and gradients, so that the network does not tint flat areas.
        label_share: Where there is a teacher, what part of the targets its labels are in the first step and, changing
            evenly until then, in the last; the originals are the rest.
        loss: Name of a Keras loss, or one itself.
        optimizer: "adam" or "muon", see `keras_lisr.training.optimizer`. Both keep averages of the weights.
        clip_norm: Norm to which the gradient of all weights together is clipped; None leaves it.
        averaging: Momentum of the exponential moving average of the weights, which is what is validated and kept.
    """

    build: Callable[[], keras.Model]
    scale: int
    steps: int
    learning_rate: float
    schedule: Schedule
    patch_size: int = 192
    batch_size: int = 16
    candidates: int = 1
    degradation: Degradation | None = None
    smooth_share: float = 0.0
    label_share: tuple[float, float] = (1.0, 1.0)
    loss: str | keras.losses.Loss = "mean_absolute_error"
    optimizer: str = "adam"
    clip_norm: float | None = None
    averaging: float = 0.999

    def __post_init__(self):
        if self.scale not in (2, 3, 4):
            raise ValueError(f"`scale` must be 2, 3 or 4. Received: scale={self.scale!r}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"`optimizer` must be 'adam' or 'muon'. Received: optimizer={self.optimizer!r}")

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer, with this recipe's schedule, clipping and weight averaging."""
        return OPTIMIZERS[self.optimizer](
            self.schedule(self.learning_rate, self.steps), ema_momentum=self.averaging, global_clipnorm=self.clip_norm
        )

    def label_share_at(self, step: int) -> float:
        """What part of the targets of a step the teacher's labels are."""
        first, last = self.label_share
        return first + (last - first) * min(step / self.steps, 1)

    def sampler(self, images: ImagePairs, seed: int) -> PatchSampler:
        """This recipe's patches of images."""
        return PatchSampler(
            images,
            scale=self.scale,
            patch_size=self.patch_size,
            batch_size=self.batch_size,
            seed=seed,
            candidates=self.candidates,
            degradation=self.degradation,
            smooth_share=self.smooth_share,
            label_share=self.label_share_at,
        )
