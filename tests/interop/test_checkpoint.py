from functools import partial

import keras
import numpy as np
import pytest
import torch
from interop.official_networks import Carn, Edsr, Imdn, Rcan, Smfanet, randomize
from reference import picture, to_numpy

from keras_lisr import zoo
from keras_lisr.data import BenchmarkSet
from keras_lisr.evaluation import evaluate
from keras_lisr.inference import Upscaler
from keras_lisr.interop import ARCHITECTURES, load
from keras_lisr.layers import GlobalAttentionBlock

OFFICIAL = {
    "imdn": Imdn,
    "edsr_baseline": Edsr,
    "carn": Carn,
    "carn for all scales": partial(Carn, multi_scale=True),
    "rcan": Rcan,
    "smfanet": Smfanet,
}
PREFIXES = {"imdn": "fea_conv", "edsr_baseline": "head.0", "carn": "entry", "rcan": "head.0", "smfanet": "to_feat"}


def architecture_of(name: str) -> str:
    return name.partition(" ")[0]


# What the builders are given for the networks that `OFFICIAL` makes.
SIZES = {
    "edsr_baseline": {"num_filters": 8, "num_blocks": 2},
    "carn": {"num_filters": 8, "num_blocks": 2},
    "rcan": {"num_filters": 16, "num_blocks": 2, "num_residual_blocks": 3},
}


def write(network: torch.nn.Module, file, **changes: torch.Tensor | None):
    """Saves a state dict with other tensors, without those that are None."""
    tensors = {**network.state_dict(), **changes}
    torch.save({name: tensor for name, tensor in tensors.items() if tensor is not None}, file)
    return file


def official_result(network: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """Returns the output of a PyTorch network for RGB in [0, 1], channels last."""
    white = 255 if isinstance(network, Edsr) else 1
    with torch.no_grad():
        result = network(torch.from_numpy(image.transpose(0, 3, 1, 2) * np.float32(white)))
    return result.numpy().transpose(0, 2, 3, 1) / white


def assert_equal_networks(network: torch.nn.Module, model: keras.Model, atol: float):
    image = picture(2, 9, 10, 3)
    expected, actual = official_result(network, image), to_numpy(model(image))
    assert expected.std() > 0.1
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def published(benchmarks):
    """A file of the authors, by the name of the architecture and the scale."""

    def find(architecture: str, scale: int):
        name = {"imdn": "IMDN", "smfanet": "SMFANet_plus_DF2K"}[architecture]
        file = benchmarks.parent.parent / "weights" / f"{name}_x{scale}.pth"
        if not file.is_file():
            pytest.skip(f"weights/{file.name} does not lie beside the folder KERAS_LISR_DATA")
        return file

    return find


@pytest.mark.parametrize(("scale", "sizes"), [(2, {"filters": 32, "blocks": 3}), (3, {}), (4, {})])
@pytest.mark.parametrize("name", OFFICIAL)
def test_computes_what_the_official_network_of_any_size_does(name, scale, sizes, tmp_path):
    network = randomize(OFFICIAL[name](scale, **sizes))
    model = load(write(network, tmp_path / "a.pth"), architecture_of(name), scale)
    assert model.name == architecture_of(name)
    assert_equal_networks(network, model, atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_a_mean_colour_need_not_be_stored(name, tmp_path):
    network = randomize(OFFICIAL[name](2))
    without = {name: None for name in network.state_dict() if "_mean." in name}
    assert_equal_networks(network, load(write(network, tmp_path / "a.pth", **without), name, 2), atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_mean_shifts_that_were_trained_are_absorbed(name, tmp_path):
    """Those of RCAN are, against its authors' intent; EDSR-PyTorch issue 80 reports such of EDSR."""
    network = randomize(OFFICIAL[name](2))
    generator = torch.Generator().manual_seed(0)
    for key, tensor in network.state_dict().items():
        if "_mean." in key:
            tensor *= 1 + 0.02 * torch.randn(tensor.shape, generator=generator)
            tensor += 0.02 * torch.randn(tensor.shape, generator=generator)
    model = load(write(network, tmp_path / "a.pth"), name, 2)
    assert_equal_networks(network, model, atol=1e-5)
    with pytest.raises(ValueError, match=r"mean_colour=.*\(0.4488, 0.4371, 0.404\)$"):
        zoo.transplant(model, getattr(zoo, name)(2, **SIZES[name]))


@pytest.mark.parametrize("name", SIZES)
def test_the_mean_colour_is_the_builders_where_it_differs_by_rounding(name, tmp_path):
    network = randomize(OFFICIAL[name](2))
    model = load(write(network, tmp_path / "a.pth"), name, 2)
    strategies = {"ggas": partial(GlobalAttentionBlock, starts_at_one=True)}
    guided = zoo.transplant(model, getattr(zoo, name)(2, **SIZES[name], **strategies))
    assert_equal_networks(network, guided, atol=1e-5)


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_weight_must_be_there_and_every_tensor_used(name, tmp_path):
    network, architecture = OFFICIAL[name](4), architecture_of(name)
    needed = [key for key in network.state_dict() if "_mean." not in key and ".up2." not in key and ".up3." not in key]
    for key in (needed[0], needed[len(needed) // 2], needed[-1]):
        with pytest.raises(ValueError, match=f"`file`.*'{key}'"):
            load(write(network, tmp_path / "a.pth", **{key: None}), architecture, 4)
    with pytest.raises(ValueError, match="`file`.*'extra.weight'"):
        load(write(network, tmp_path / "a.pth", **{"extra.weight": torch.zeros(2, 5)}), architecture, 4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_shapes_must_agree(architecture, tmp_path):
    prefix = PREFIXES[architecture]
    wrong = {f"{prefix}.bias": torch.zeros(5)}, {f"{prefix}.weight": torch.zeros(17, 3, 3, 3)}
    for tensors in wrong:
        with pytest.raises(ValueError, match=f"`file`.*'{architecture}'") as error:
            load(write(OFFICIAL[architecture](2), tmp_path / "a.pth", **tensors), architecture, 2)
        assert len(str(error.value).splitlines()) == 1


def test_the_large_edsr_is_refused(tmp_path):
    """Its tensors have the same names; what its residuals are multiplied with is not among them."""
    file = write(OFFICIAL["edsr_baseline"](2, filters=256, blocks=32), tmp_path / "a.pth")
    with pytest.raises(ValueError, match="`file`.*EDSR"):
        load(file, "edsr_baseline", 2)


@pytest.mark.parametrize("stored", ARCHITECTURES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_another_architecture_or_scale_is_refused(stored, architecture, tmp_path):
    file = write(OFFICIAL[stored](2), tmp_path / "a.pth")
    for scale in (2,) if stored != architecture else (3, 4):
        with pytest.raises(ValueError, match=f"`file`.*'{architecture}' for x{scale}"):
            load(file, architecture, scale)


@pytest.mark.parametrize(("architecture", "scale", "name"), [("idn", 4, "architecture"), ("imdn", 5, "scale")])
def test_what_is_not_known_is_refused(architecture, scale, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        load("gone.pth", architecture, scale)


@pytest.mark.parametrize(
    ("architecture", "network", "parameters"),
    [("imdn", Imdn(4, filters=64, blocks=6), 715_176), ("smfanet", Smfanet(4, filters=48, blocks=12), 495_888)],
)
def test_a_published_file_computes_what_it_does_in_pytorch(architecture, network, parameters, published):
    file = published(architecture, 4)
    stored = torch.load(file, weights_only=True, map_location="cpu")
    network.load_state_dict({name.removeprefix("module."): each for name, each in stored.get("params", stored).items()})
    model = load(file, architecture, 4)
    assert model.count_params() == parameters
    image = picture(1, 24, 31, 3)
    np.testing.assert_allclose(to_numpy(model(image)), official_result(network, image), rtol=0, atol=1e-4)


# IMDN as published. SMFANet as measured here: the paper prints a table, the authors' code a picture of it.
@pytest.mark.parametrize(
    ("architecture", "scale", "name", "psnr"),
    [
        ("imdn", 4, "Set5", 32.21),
        pytest.param("imdn", 4, "Set14", 28.58, marks=pytest.mark.slow),
        ("smfanet", 2, "Set5", 38.185),
        ("smfanet", 3, "Set5", 34.665),
        ("smfanet", 4, "Set5", 32.511),
    ],
)
def test_a_published_file_measures_what_it_did(architecture, scale, name, psnr, published, benchmarks):
    model = load(published(architecture, scale), architecture, scale)
    upscale = Upscaler(model, precision="float32", memory=2**33)
    images = BenchmarkSet(benchmarks / name, scale=scale)
    assert {upscale.count_tiles(*image.low_resolution.shape[:2]) for image in images} == {1}
    assert evaluate(upscale, images).psnr == pytest.approx(psnr, abs=0.01)
