"""Progressively balanced and repeat-factor sampling: the laws, the draws, ranks, and what is refused."""

import numpy as np
import pytest

from cdb_video.samplers.by_frequency import ProgressiveSampler, RepeatFactorSampler
from tests.samplers.test_cdb_sampler import as_rank, long_tailed_labels
from tests.support import reference
from tests.support.toys import LabelsOnly

COUNTS = [60, 30, 10]
LABELS = np.repeat([0, 1, 2], COUNTS)


@pytest.mark.parametrize('max_epochs', [1, 2, 7])
def test_progressive_sampling_goes_from_natural_to_balanced(max_epochs):
    sampler = ProgressiveSampler(LabelsOnly(LABELS), seed=0)
    for epoch in range(max_epochs):
        sampler.set_epoch(epoch)
        sampler.set_progress(epoch, max_epochs)
        expected = reference.progressive(COUNTS, epoch / (max_epochs - 1) if max_epochs > 1 else 0)
        np.testing.assert_allclose(sampler.class_probability, expected)
        order = list(sampler)
        assert len(order) == len(sampler) == 100
        assert (np.abs(np.bincount(LABELS[order], minlength=3) - 100 * np.array(expected)) < 1 + 1e-9).all()
        if epoch == 0:
            assert sorted(order) == list(range(100))


def test_progressive_sampling_depends_on_the_epoch_alone_as_a_resumed_run_needs():
    through, resumed = (ProgressiveSampler(LabelsOnly(long_tailed_labels()), seed=3) for _ in range(2))
    for epoch in range(4):
        through.set_epoch(epoch)
        through.set_progress(epoch, 6)
        list(through)
    resumed.set_epoch(3)
    resumed.set_progress(3, 6)
    assert list(resumed) == list(through)


def test_progressive_sampler_that_is_not_told_the_epoch_says_so_once(capsys):
    sampler = ProgressiveSampler(LabelsOnly(LABELS), seed=0)
    assert sorted(sampler) == sorted(sampler) == list(range(100))
    assert ''.join(capsys.readouterr()).count('is not told the epoch') == 1


@pytest.mark.parametrize('threshold', [None, 0.02, 0.2, 1.0])
def test_repeat_factors_set_the_law(threshold):
    sampler = RepeatFactorSampler(LabelsOnly(LABELS), threshold, seed=0)
    factors = reference.repeat_factors(COUNTS, 1 / 3 if threshold is None else threshold)
    np.testing.assert_allclose(sampler.repeat_factors, factors)
    mass = np.array(COUNTS) * factors
    np.testing.assert_allclose(sampler.class_probability, mass / mass.sum())
    assert sampler.num_repeated == round(mass.sum())
    assert len(sampler) == 100


def test_epoch_of_the_paper_repeats_every_clip_of_a_class_by_its_factor_on_average():
    # t = 0.4: r = 1, sqrt(.4 / .3) = 1.155, sqrt(.4 / .1) = 2; the epoch has 60 + 34.64 + 20 = 115 draws.
    length = RepeatFactorSampler(LabelsOnly(LABELS), 0.4).num_repeated
    assert length == 115
    sampler = RepeatFactorSampler(LabelsOnly(LABELS), 0.4, num_samples=length, seed=0)
    seen = np.zeros(100)
    for epoch in range(400):
        sampler.set_epoch(epoch)
        order = list(sampler)
        seen += np.bincount(order, minlength=100)
    scale = length / (60 + 30 * np.sqrt(4 / 3) + 20)
    np.testing.assert_allclose(seen / 400, scale * np.repeat([1, np.sqrt(4 / 3), 2], COUNTS), atol=0.1)


def test_without_rare_classes_repeat_factor_sampling_is_natural():
    sampler = RepeatFactorSampler(LabelsOnly(LABELS), 0.05, seed=0)
    assert sorted(sampler) == list(range(100))


@pytest.mark.parametrize('kind', [ProgressiveSampler, RepeatFactorSampler])
def test_ranks_are_slices_of_one_draw(kind):
    labels = long_tailed_labels()

    def draw(rank, world_size):
        with as_rank(rank, world_size):
            sampler = kind(LabelsOnly(labels), seed=5, round_up=False)
        if kind is ProgressiveSampler:
            sampler.set_progress(3, 5)
        return list(sampler)

    whole = draw(0, 1)
    for rank in range(3):
        assert draw(rank, 3) == whole[rank::3]


@pytest.mark.parametrize(
    ('kind', 'arguments', 'message'),
    [
        (ProgressiveSampler, {'frequency_power': 1}, 'frequency_power=1: ProgressiveSampler has a law of its own'),
        (RepeatFactorSampler, {'frequency_power': 1}, 'RepeatFactorSampler has a law of its own'),
        (RepeatFactorSampler, {'threshold': 0}, 'threshold=0'),
        (RepeatFactorSampler, {'threshold': 1.5}, 'threshold=1.5'),
        (ProgressiveSampler, {'num_samples': 0}, 'num_samples=0'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(LabelsOnly(LABELS), **arguments)


@pytest.mark.parametrize('kind', [ProgressiveSampler, RepeatFactorSampler])
def test_class_without_clips_is_drawn_never_where_it_is_allowed(kind):
    dataset = LabelsOnly([0, 0, 2], classes=('lift', 'cut', 'wash'))
    with pytest.raises(ValueError, match='1 of 3 classes has no clip'):
        kind(dataset)
    sampler = kind(dataset, allow_empty=True, num_samples=20, seed=0)
    if kind is ProgressiveSampler:
        sampler.set_progress(1, 2)
        assert sampler.class_probability.tolist() == [0.5, 0, 0.5]
    assert set(sampler) == {0, 1, 2}
