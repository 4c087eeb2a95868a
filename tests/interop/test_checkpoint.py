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
from keras_lisr.layers import ChannelWiseScale, GlobalAttentionBlock

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
    """What a PyTorch network makes of RGB in [0, 1], channels last."""
    white = 255 if isinstance(network, Edsr) else 1
    with torch.no_grad():
        result = network(torch.from_numpy(image.transpose(0, 3, 1, 2) * np.float32(white)))
    return result.numpy().transpose(0, 2, 3, 1) / white


def assert_equal_networks(network: torch.nn.Module, model: keras.Model, atol: float):
    image = picture(2, 9, 10, 3)
    expected, actual = official_result(network, image), to_numpy(model(image))
    assert expected.std() > 0.1
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def published_file(benchmarks, name: str):
    file = benchmarks.parent.parent / "weights" / name
    if not file.is_file():
        pytest.skip(f"weights/{name} does not lie beside the folder KERAS_LISR_DATA")
    return file


@pytest.fixture(scope="module")
def published(benchmarks):
    """The file of IMDN's authors."""
    return published_file(benchmarks, "IMDN_x4.pth")


@pytest.fixture(scope="module")
def published_smfanet(benchmarks):
    """The files of SMFANet's authors, by the scale."""
    return lambda scale: published_file(benchmarks, f"SMFANet_plus_DF2K_x{scale}.pth")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", OFFICIAL)
def test_computes_what_the_official_network_does(name, scale, tmp_path):
    network = randomize(OFFICIAL[name](scale))
    model = load(write(network, tmp_path / "a.pth"), architecture_of(name), scale)
    assert model.name == architecture_of(name)
    assert_equal_networks(network, model, atol=1e-5)


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_sizes_are_those_of_the_file(name, tmp_path):
    network = randomize(OFFICIAL[name](2, filters=32, blocks=3))
    model = load(write(network, tmp_path / "a.pth"), architecture_of(name), 2)
    assert model.get_layer("shallow").filters == 32
    assert model.get_layer("block_3")
    assert_equal_networks(network, model, atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_a_mean_colour_need_not_be_stored(name, tmp_path):
    network = randomize(OFFICIAL[name](2))
    without = {name: None for name in network.state_dict() if "_mean." in name}
    assert len(without) == 4
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
    with pytest.raises(ValueError, match=r"mean_colour=\(.*\) in place of \(0.4488, 0.4371, 0.404\)$"):
        zoo.transplant(model, getattr(zoo, name)(2, **SIZES[name]))


@pytest.mark.parametrize("name", SIZES)
def test_the_mean_colour_is_the_builders_where_it_differs_by_rounding(name, tmp_path):
    network = randomize(OFFICIAL[name](2))
    model = load(write(network, tmp_path / "a.pth"), name, 2)
    strategies = {"ggas": partial(GlobalAttentionBlock, starts_at_one=True)}
    guided = zoo.transplant(model, getattr(zoo, name)(2, **SIZES[name], **strategies))
    assert_equal_networks(network, guided, atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_half_precision(name, tmp_path):
    network = randomize(OFFICIAL[name](2)).half().float()
    halves = {key: tensor.half() for key, tensor in network.state_dict().items()}
    assert_equal_networks(network, load(write(network, tmp_path / "a.pth", **halves), name, 2), atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_mean_shifts_that_make_no_sense_are_refused(name, tmp_path):
    network = OFFICIAL[name](2)
    weight, bias = [key for key in network.state_dict() if key.startswith("sub_mean")]
    grey = torch.ones(3, 3, 1, 1)
    with pytest.raises(ValueError, match=rf"with '{weight}', which loses colours\)$"):
        load(write(network, tmp_path / "a.pth", **{weight: grey}), name, 2)
    with pytest.raises(ValueError, match=rf"with '{weight}' of shape \(3, 3\) in place of \(3, 3, 1, 1\)\)$"):
        load(write(network, tmp_path / "a.pth", **{weight: torch.eye(3)}), name, 2)
    with pytest.raises(ValueError, match=rf"with '{bias}' of shape \(1,\) in place of \(3,\)\)$"):
        load(write(network, tmp_path / "a.pth", **{bias: torch.zeros(1)}), name, 2)


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_weight_must_be_there(name, tmp_path):
    network, architecture = OFFICIAL[name](4), architecture_of(name)
    needed = [key for key in network.state_dict() if "_mean." not in key and ".up2." not in key and ".up3." not in key]
    for key in needed:
        file = write(network, tmp_path / "a.pth", **{key: None})
        with pytest.raises(ValueError, match=f"must hold the official '{architecture}' for x4. Received: .*without '"):
            load(file, architecture, 4)


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_tensor_must_be_used(name, tmp_path):
    file = write(OFFICIAL[name](3), tmp_path / "a.pth", **{"extra.weight": torch.zeros(2, 5)})
    with pytest.raises(
        ValueError, match=r"a.pth' \(with 'extra.weight' of shape \(2, 5\), which it has no place for\)"
    ):
        load(file, architecture_of(name), 3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_shapes_must_agree(architecture, tmp_path):
    network = OFFICIAL[architecture](2)
    file = write(network, tmp_path / "a.pth", **{f"{PREFIXES[architecture]}.bias": torch.zeros(5)})
    shapes = rf"\(5,\) in place of \({len(network.get_submodule(PREFIXES[architecture]).bias)},\)\)$"
    with pytest.raises(ValueError, match=rf"with '{PREFIXES[architecture]}.bias' of shape {shapes}"):
        load(file, architecture, 2)


@pytest.mark.parametrize("values", [torch.tensor(1.0), torch.zeros(0, 3, 3, 3), torch.zeros(17, 3, 3, 3)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sizes_that_make_no_sense_are_refused_in_one_line(architecture, values, tmp_path):
    file = write(OFFICIAL[architecture](2), tmp_path / "a.pth", **{f"{PREFIXES[architecture]}.weight": values})
    with pytest.raises(ValueError, match=f"must hold the official '{architecture}' for x2. Received: ") as error:
        load(file, architecture, 2)
    assert len(str(error.value).splitlines()) == 1


def test_the_large_edsr_is_refused(tmp_path):
    """Its tensors have the same names; what its residuals are multiplied with is not among them."""
    file = write(OFFICIAL["edsr_baseline"](2, filters=256, blocks=32), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"\(of the large EDSR, whose residuals are scaled by a number that is not in"):
        load(file, "edsr_baseline", 2)


@pytest.mark.parametrize("stored", OFFICIAL)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_another_architecture_is_refused(stored, architecture, tmp_path):
    if architecture_of(stored) == architecture:
        return
    file = write(OFFICIAL[stored](2), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=f"must hold the official '{architecture}' for x2. .*without '.*'"):
        load(file, architecture, 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("stored", [2, 3, 4])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_another_scale_is_refused(architecture, stored, scale, tmp_path):
    if stored == scale:
        return
    file = write(OFFICIAL[architecture](stored), tmp_path / "a.pth")
    offending = "'(upsampler|tail|upsample|to_img).*'"
    with pytest.raises(ValueError, match=rf"\((without {offending}|with {offending} of shape .*)\)$"):
        load(file, architecture, scale)


def test_the_network_of_one_scale_may_hold_no_other(tmp_path):
    tensors = {"upsample.up3.body.0.weight": torch.zeros(72, 8, 3, 3)}
    with pytest.raises(ValueError, match=r"with 'upsample.up3.body.0.weight' of shape \(72, 8, 3, 3\), which"):
        load(write(Carn(2), tmp_path / "a.pth", **tensors), "carn", 2)


@pytest.mark.parametrize("scale", [1, 5, 2.0, "4", None])
def test_scales(scale):
    with pytest.raises(ValueError, match="`scale` must be 2, 3 or 4. Received: scale="):
        load("gone.pth", "imdn", scale)


@pytest.mark.parametrize("architecture", ["idn", "IMDN", "load", ""])
def test_architectures(architecture):
    known = "'imdn', 'edsr_baseline', 'carn', 'rcan' or 'smfanet'"
    with pytest.raises(ValueError, match=f"`architecture` must be {known}. Received: architecture='{architecture}'"):
        load("gone.pth", architecture, 4)


def test_the_published_imdn_computes_what_it_does_in_pytorch(published):
    network = Imdn(4, filters=64, blocks=6)
    tensors = torch.load(published, weights_only=True, map_location="cpu")
    network.load_state_dict({name.removeprefix("module."): tensor for name, tensor in tensors.items()})
    model = load(published, "imdn", 4)
    assert model.count_params() == 715_176
    image = picture(1, 24, 31, 3)
    np.testing.assert_allclose(to_numpy(model(image)), official_result(network, image), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "psnr"), [("Set5", 32.21), pytest.param("Set14", 28.58, marks=pytest.mark.slow)])
def test_the_published_imdn_measures_what_was_published(published, benchmarks, name, psnr):
    upscale = Upscaler(load(published, "imdn", 4), precision="float32", memory=2**33)
    images = BenchmarkSet(benchmarks / name, scale=4)
    assert {upscale.count_tiles(*image.low_resolution.shape[:2]) for image in images} == {1}
    assert evaluate(upscale, images).psnr == pytest.approx(psnr, abs=0.01)


def test_the_published_imdn_takes_the_papers_strategies(published):
    model = load(published, "imdn", 4)
    strategies = {
        "ggas": partial(GlobalAttentionBlock, starts_at_one=True),
        "cwss": partial(ChannelWiseScale, initial_alpha=1.0),
    }
    image = picture(1, 24, 31, 3)
    guided = zoo.transplant(model, zoo.imdn(4, **strategies))
    np.testing.assert_allclose(to_numpy(guided(image)), to_numpy(model(image)), rtol=0, atol=1e-5)


def test_the_published_smfanet_computes_what_it_does_in_pytorch(published_smfanet):
    network = Smfanet(4, filters=48, blocks=12)
    network.load_state_dict(torch.load(published_smfanet(4), weights_only=True, map_location="cpu")["params"])
    model = load(published_smfanet(4), "smfanet", 4)
    assert model.count_params() == 495_888
    image = picture(1, 24, 31, 3)
    np.testing.assert_allclose(to_numpy(model(image)), official_result(network, image), rtol=0, atol=1e-4)


# As measured here: the paper prints a table, the authors' code a picture of it.
@pytest.mark.parametrize(("scale", "psnr"), [(2, 38.185), (3, 34.665), (4, 32.511)])
def test_the_published_smfanet_measures_what_it_did(published_smfanet, benchmarks, scale, psnr):
    upscale = Upscaler(load(published_smfanet(scale), "smfanet", scale), precision="float32", memory=2**33)
    images = BenchmarkSet(benchmarks / "Set5", scale=scale)
    assert {upscale.count_tiles(*image.low_resolution.shape[:2]) for image in images} == {1}
    assert evaluate(upscale, images).psnr == pytest.approx(psnr, abs=0.01)


def test_the_vectors_have_the_shape_of_the_file(tmp_path):
    file = write(Smfanet(2), tmp_path / "a.pth", **{"feats.0.smfa.belt": torch.zeros(8)})
    with pytest.raises(ValueError, match=r"with 'feats.0.smfa.belt' of shape \(8,\) in place of \(1, 8, 1, 1\)"):
        load(file, "smfanet", 2)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    file = write(
        Imdn(2), tmp_path / "a.pth", **{"fea_conv.bias": torch.full((Imdn(2).fea_conv.bias.numel(),), torch.nan)}
    )
    with pytest.raises(ValueError, match="with 'fea_conv.bias', which is not finite"):
        load(file, "imdn", 2)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64])
def test_numbers_of_another_kind_are_refused(tmp_path, dtype):
    file = write(Imdn(2), tmp_path / "a.pth", **{"fea_conv.bias": torch.zeros(3, dtype=dtype)})
    with pytest.raises(ValueError, match="tensors of floating-point numbers"):
        load(file, "imdn", 2)
