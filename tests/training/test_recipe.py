import dataclasses

import pytest

from keras_lisr.training import Recipe, halving
from keras_lisr.training.optimizer import AveragingAdam, AveragingMuon
from keras_lisr.zoo import fsrcnn


@pytest.fixture
def recipe():
    return Recipe(
        build=fsrcnn, scale=4, steps=100, learning_rate=1e-3, schedule=halving(0.5), clip_norm=10.0, averaging=0.9
    )


def test_optimizer_has_schedule_clipping_and_average(recipe):
    optimizer = recipe.make_optimizer()
    assert isinstance(optimizer, AveragingAdam)
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
    assert (optimizer.global_clipnorm, optimizer.ema_momentum) == (10.0, 0.9)


def test_the_optimizer_is_chosen_by_name(recipe):
    assert isinstance(dataclasses.replace(recipe, optimizer="muon").make_optimizer(), AveragingMuon)
    with pytest.raises(ValueError, match="`optimizer`"):
        dataclasses.replace(recipe, optimizer="sgd")


def test_the_share_of_labels_changes_evenly(recipe):
    changing = dataclasses.replace(recipe, label_share=(1.0, 0.2))
    assert [changing.label_share_at(step) for step in (0, 50, 100, 200)] == pytest.approx([1, 0.6, 0.2, 0.2])
