"""Training recipes as frozen data."""

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
    """Describes how to train one network: everything but the images, the folder and the machine.

    Args:
        build: Function that builds the network; not a model, because the precision policy has to be set first.
        scale: Upscaling factor of the network.
        steps: Number of training steps.
        learning_rate: Peak learning rate.
        schedule: Learning-rate schedule, such as `warmup_cosine(1000)`.
        patch_size: Side of the high-resolution patches.
        batch_size: Patches in a step.
        candidates: Patches drawn for each one trained on; the most detailed are kept, see `PatchSampler`.
        degradation: Degradation that replaces bicubic in the low-resolution patches, for real photos.
        smooth_share: Share of patches of flat colours and gradients, so that the network does not tint flat areas.
        label_share: With a teacher, share of its labels in the targets, the originals being the rest: in the first
            step and in the last, linear between them.
        loss: Name of a Keras loss, or a loss.
        optimizer: "adam" or "muon", see `keras_lisr.training.optimizer`. Both keep averages of the weights.
        clip_norm: Norm to which the gradient of all weights together is clipped; None leaves it.
        averaging: Momentum of the moving average of the weights, which is validated and kept.
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
        """Makes the optimizer, with the schedule, clipping and weight averaging."""
        return OPTIMIZERS[self.optimizer](
            self.schedule(self.learning_rate, self.steps), ema_momentum=self.averaging, global_clipnorm=self.clip_norm
        )

    def label_share_at(self, step: int) -> float:
        """Returns the teacher's share of a step's targets."""
        first, last = self.label_share
        return first + (last - first) * min(step / self.steps, 1)

    def sampler(self, images: ImagePairs, seed: int) -> PatchSampler:
        """Makes the sampler of this recipe's patches."""
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
