"""Images with several classes: both laws, factors, ranks, epochs, images without objects, and what is refused."""

import itertools
import math

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.registry import DATA_SAMPLERS

from cdb_video.difficulty.frequency import repeat_factors
from cdb_video.difficulty.tracking.consumers import class_prior, find_difficulty_consumers, hand_on_prior
from cdb_video.samplers.cdb_image_sampler import CDBImageSampler
from cdb_video.samplers.draw_order import draw_images
from cdb_video.samplers.image_law import difficulty_factors
from tests.samplers.test_cdb_sampler import as_rank
from tests.support.scenes import Scenes, long_tailed_scenes, scenes_of

IMAGES = long_tailed_scenes()
NUM_IMAGES, NUM_CLASSES = len(IMAGES), 30
NAMES = tuple(f'class{c}' for c in range(NUM_CLASSES))
SHOWN = np.array([sum(c in own for own in IMAGES) for c in range(NUM_CLASSES)])
DIFFICULTY = np.random.default_rng(5).random(NUM_CLASSES)
LAWS = [{'law': 'class'}, {'law': 'repeat'}, {'law': 'repeat', 'repeat_threshold': 0.2}]
laws = pytest.mark.parametrize('law', LAWS, ids=str)


def sampler_of(images=IMAGES, **options):
    options = {'seed': 3} | options
    return CDBImageSampler(Scenes(images), **options)


def slow_class_law(tau, power):
    """p_c ~ m_c^q d_c^tau."""
    mass = [m**power * d**tau for m, d in zip(SHOWN.tolist(), DIFFICULTY.tolist(), strict=True)]
    return np.array(mass) / sum(mass)


def slow_factors(difficulty, tau, threshold=None):
    """Of every image, in plain loops."""
    mean = sum(difficulty) / len(difficulty)
    factors = []
    for own in IMAGES:
        largest = 1.0
        for c in own:
            by_difficulty = max(1.0, (difficulty[c] / mean) ** tau)
            rarity = 1.0 if threshold is None else max(1.0, math.sqrt(threshold / (SHOWN[c] / NUM_IMAGES)))
            largest = max(largest, by_difficulty * rarity)
        factors.append(largest)
    return np.array(factors)


@pytest.mark.parametrize('power', [0, 0.5])
@pytest.mark.parametrize('tau', [0, 1, 2])
def test_classes_are_drawn_within_one_of_the_law_and_unbiased_over_epochs(power, tau):
    sampler = sampler_of(tau=tau, frequency_power=power, num_samples=700)
    sampler.set_class_difficulty(DIFFICULTY)
    law = slow_class_law(tau, power)
    np.testing.assert_allclose(sampler.class_probability, law)
    # In the place of images their pairs with a class: these say which class a draw was for.
    shown, sampler._clips = sampler._clips, np.arange(len(sampler._clips))
    of_pair = np.repeat(np.arange(NUM_CLASSES), SHOWN)
    assert all(c in IMAGES[image] for c, image in zip(of_pair, shown, strict=True))
    draws = []
    for epoch in range(60):
        sampler.set_epoch(epoch)
        pairs = sampler.draw_epoch()
        draws.append(np.bincount(of_pair[pairs], minlength=NUM_CLASSES))
        assert (np.abs(draws[-1] - 700 * law) < 1 + 1e-9).all()
        times = np.bincount(pairs, minlength=len(of_pair))
        for c in range(NUM_CLASSES):  # a class is walked through before any of its images repeats
            assert np.ptp(times[of_pair == c]) <= 1
    assert np.abs(np.mean(draws, axis=0) - 700 * law).max() < 0.33  # 5 standard deviations of at most 0.5 / sqrt(60)
    sampler._clips = shown
    assert sampler.draw_epoch().tolist() == shown[pairs].tolist()


def test_images_come_as_often_as_the_law_of_classes_says_over_epochs():
    sampler = sampler_of(tau=1)
    sampler.set_class_difficulty(DIFFICULTY)
    law = slow_class_law(1, 0)
    expected = np.array([sum(law[c] / SHOWN[c] for c in set(own)) for own in IMAGES]) * NUM_IMAGES
    seen = np.zeros(NUM_IMAGES)
    for epoch in range(400):
        sampler.set_epoch(epoch)
        seen += np.bincount(list(sampler), minlength=NUM_IMAGES)
    rest = np.abs(seen / 400 - expected)
    assert (rest < 0.05 + 0.1 * expected).all()
    assert seen[[not own for own in IMAGES]].sum() == 0


@pytest.mark.parametrize('threshold', [0.02, 0.2, 1.0])
def test_factors_by_frequency_are_those_of_lvis(threshold):
    dataset = Scenes(IMAGES)
    theirs = ClassBalancedDataset(dataset, threshold)._get_repeat_factors(dataset, threshold)
    sampler = CDBImageSampler(dataset, law='repeat', repeat_threshold=threshold, seed=0)
    np.testing.assert_allclose(sampler._mass, theirs, rtol=1e-12)
    np.testing.assert_allclose(sampler._mass, slow_factors([1] * NUM_CLASSES, 1, threshold), rtol=1e-12)
    assert max(theirs) > 1.5


@pytest.mark.parametrize('threshold', [None, 0.2])
@pytest.mark.parametrize('tau', [0, 1, 2.5])
def test_images_are_drawn_within_one_of_their_factors_and_unbiased_over_epochs(tau, threshold):
    sampler = sampler_of(law='repeat', tau=tau, repeat_threshold=threshold, num_samples=600)
    sampler.set_class_difficulty(DIFFICULTY)
    factors = slow_factors(DIFFICULTY, tau, threshold)
    np.testing.assert_allclose(sampler._mass, factors, rtol=1e-12)
    expected = 600 * factors / factors.sum()
    seen = np.zeros(NUM_IMAGES)
    for epoch in range(400):
        sampler.set_epoch(epoch)
        draws = np.bincount(list(sampler), minlength=NUM_IMAGES)
        assert draws.sum() == 600
        assert (np.abs(draws - expected) < 1 + 1e-9).all()
        seen += draws
    assert np.abs(seen / 400 - expected).max() < 0.125  # 5 standard deviations of at most 0.5 / sqrt(400)


def test_factors_by_difficulty_by_hand():
    # The mean over the classes shown is 0.4; the last class is shown by no image.
    factors = difficulty_factors([0.2, 0.4, 0.6, 1.0], 2, [True, True, True, False])
    np.testing.assert_allclose(factors, [1, 1, 2.25, 6.25])
    assert (difficulty_factors([0.0, 0.0], 1, [True, True]) == 1).all()
    assert (difficulty_factors([0.3, 0.3], 7, [True, True]) == 1).all()
    assert np.isfinite(difficulty_factors([1e-9, 1.0, 0.5], 500, [True] * 3)).all()


def test_share_of_all_images_is_what_a_frequency_is_of():
    np.testing.assert_allclose(repeat_factors([50, 2], 0.08, 100), [1, 2])
    np.testing.assert_allclose(repeat_factors([50, 2], 0.08), [1, math.sqrt(0.08 * 26)])


def test_neighbours_of_a_list_are_drawn_apart():
    # Half of the images an epoch: without shuffling, all even or all odd ones.
    share = [(draw_images(np.ones(1000), 500, np.random.default_rng(seed)) % 2).mean() for seed in range(20)]
    assert np.abs(np.array(share) - 0.5).max() < 0.1


def test_order_of_an_epoch_is_mixed():
    order = draw_images(np.repeat([1.0, 3.0], 500), 1000, np.random.default_rng(0))
    assert abs((order[:500] >= 500).mean() - 0.75) < 0.1


@pytest.mark.parametrize('options', [{'law': 'repeat'}, {'law': 'repeat', 'tau': 0}, {'begin': 1}, {'begin': 0.5}])
def test_where_nothing_acts_every_image_comes_once_with_or_without_objects(options):
    sampler = sampler_of(**options)
    sampler.set_progress(0, 4)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        assert sorted(sampler) == list(range(NUM_IMAGES))
        assert list(sampler) != list(range(NUM_IMAGES))


@laws
def test_deferred_law_acts_from_its_epoch_on(law):
    deferred, plain = sampler_of(begin=2, **law), sampler_of(**law)
    for sampler in (deferred, plain):
        sampler.set_progress(0, 4)
        sampler.set_class_difficulty(DIFFICULTY)
    assert sorted(deferred) == list(range(NUM_IMAGES))
    assert deferred.tau_ == 0
    objects = np.bincount(list(itertools.chain(*IMAGES)))
    np.testing.assert_allclose(deferred.class_probability, objects / objects.sum())
    for sampler in (deferred, plain):
        sampler.set_progress(2, 4)
        sampler.set_epoch(2)
    assert list(deferred) == list(plain)
    assert (deferred.class_probability == plain.class_probability).all()


def test_law_changes_where_masses_of_classes_and_images_look_alike():
    sampler = sampler_of([[0, 1], [1], [2]], begin=1, frequency_power=0)
    sampler.set_progress(0, 2)
    np.testing.assert_allclose(sampler.class_probability, [1 / 4, 2 / 4, 1 / 4])
    sampler.set_progress(1, 2)
    np.testing.assert_allclose(sampler.class_probability, [1 / 3] * 3)


def test_growing_tau_and_dynamic_tau_are_taken():
    growing = sampler_of(law='repeat', tau=(0, 2))
    growing.set_progress(0, 3)
    growing.set_class_difficulty(DIFFICULTY)
    assert (growing._mass == 1).all()
    growing.set_progress(2, 3)
    np.testing.assert_allclose(growing._mass, slow_factors(DIFFICULTY, 2))
    dynamic = sampler_of([[0], [1]], tau='dynamic')
    dynamic.set_class_difficulty([0.1, 0.5], [0.9, 0.5])
    assert round(dynamic.tau_, 3) == 1.365


@laws
def test_objects_that_training_sees_are_what_the_loss_is_told(law):
    sampler = sampler_of(**law)
    sampler.set_class_difficulty(DIFFICULTY)
    if law['law'] == 'class':
        own = slow_class_law(1, 0)
        images = [sum(own[c] / SHOWN[c] for c in set(scene)) for scene in IMAGES]
    else:
        images = slow_factors(DIFFICULTY, 1, law.get('repeat_threshold'))
    seen = [sum(w * scene.count(c) for w, scene in zip(images, IMAGES, strict=True)) for c in range(NUM_CLASSES)]
    np.testing.assert_allclose(sampler.object_probability, np.array(seen) / sum(seen))
    objects = np.bincount(list(itertools.chain(*IMAGES)))
    assert sampler.class_counts.tolist() == objects.tolist()
    assert sampler.image_counts.tolist() == SHOWN.tolist()
    np.testing.assert_allclose(class_prior(sampler, objects), objects.sum() * np.array(seen) / sum(seen))

    class Loss:
        def set_class_prior(self, prior):
            self.prior = prior

    loss = Loss()
    hand_on_prior([loss], sampler, objects)
    np.testing.assert_allclose(loss.prior, class_prior(sampler, objects))


@laws
@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_ranks_partition_one_draw(law, world_size):
    options = {'num_samples': 1001, 'round_up': False, 'seed': 5, **law}
    draw = list(sampler_of(**options))
    slices = []
    for rank in range(world_size):
        with as_rank(rank, world_size):
            sampler = sampler_of(**options)
        slices.append(list(sampler))
        assert len(slices[-1]) == len(sampler)
        assert slices[-1] == draw[rank::world_size]
    assert sorted(itertools.chain(*slices)) == sorted(draw)


@laws
def test_ranks_are_padded_from_the_start_of_the_epoch(law):
    draw = list(sampler_of(num_samples=10, **law))
    padded = {}
    for rank in range(4):
        with as_rank(rank, 4):
            sampler = sampler_of(num_samples=10, **law)
        images = list(sampler)
        assert len(images) == len(sampler) == 3
        padded.update({rank + 4 * i: image for i, image in enumerate(images)})
    assert [padded[i] for i in range(12)] == draw + draw[:2]


@laws
def test_order_depends_on_seed_epoch_and_difficulty_alone_as_a_resumed_run_needs(law):
    def resumed(seed, epoch):
        sampler = sampler_of(seed=seed, **law)
        sampler.set_class_difficulty(DIFFICULTY)
        sampler.set_epoch(epoch)
        return list(sampler)

    through = sampler_of(**law)
    through.set_class_difficulty(DIFFICULTY[::-1])
    list(through)
    through.set_class_difficulty(DIFFICULTY)
    through.set_epoch(4)
    assert resumed(3, 4) == list(through)
    assert resumed(3, 4) != resumed(3, 5)
    assert resumed(3, 4) != resumed(4, 4)


@laws
def test_infinite_sampler_goes_on_with_the_next_epochs_and_turns_to_a_new_law_at_once(law):
    finite = sampler_of(**law)
    stream = iter(sampler_of(infinite=True, **law))
    for epoch in range(2):
        finite.set_epoch(epoch)
        assert [next(stream) for _ in range(NUM_IMAGES)] == list(finite)
    ranks = []
    for rank in range(2):
        with as_rank(rank, 2):
            ranks.append(sampler_of(infinite=True, **law))
    streams = [iter(sampler) for sampler in ranks]
    first = sampler_of(**law).draw_epoch().tolist()
    assert [[next(stream) for _ in range(3)] for stream in streams] == [first[0:6:2], first[1:6:2]]
    for sampler in ranks:
        sampler.set_class_difficulty([0.5] * NUM_CLASSES)  # changes nothing
    assert [next(stream) for stream in streams] == first[6:8]
    for sampler in ranks:
        sampler.set_class_difficulty(DIFFICULTY)
    finite.set_class_difficulty(DIFFICULTY)
    finite.set_epoch(1)
    second = finite.draw_epoch().tolist()
    assert [[next(stream) for _ in range(4)] for stream in streams] == [second[0:8:2], second[1:8:2]]


def test_images_without_objects_are_told_of_where_they_are_never_drawn(caplog):
    images = [[0], [], [1, 1], []]
    sampler = sampler_of(images, num_samples=100)
    assert {*sampler} == {0, 2}
    assert "2 of 4 images of Scenes have no object: CDBImageSampler with law='class' never draws them" in caplog.text
    caplog.clear()
    with as_rank(1, 2):
        sampler_of(images)
    assert not caplog.text
    repeated = sampler_of(images, law='repeat')
    repeated.set_class_difficulty([0.9, 0.1])
    np.testing.assert_allclose(repeated._mass, [0.9 / 0.5, 1, 1, 1])
    assert not caplog.text


@laws
def test_class_without_objects_is_an_error_naming_it_unless_allowed(law):
    names = ('cup', 'fork', 'mast', 'oar')
    dataset = Scenes([[0, 0], [2], []], classes=names, ignored=[(0, 1)])
    with pytest.raises(
        ValueError, match=r'2 of 4 classes have no object in Scenes: fork, oar\..*add objects, or set al'
    ):
        CDBImageSampler(dataset, **law)
    sampler = CDBImageSampler(dataset, allow_empty=True, seed=0, num_samples=50, **law)
    sampler.set_class_difficulty([0.2, 1.0, 0.6, 1.0])
    assert sampler.class_counts.tolist() == [1, 0, 1, 0]
    assert (sampler.class_probability[[1, 3]] == 0).all()
    if law == {'law': 'repeat'}:
        np.testing.assert_allclose(sampler._mass, [1, 0.6 / 0.4, 1])
    assert {0, 1} <= {*sampler}


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (Scenes([[], []], classes=('cup',)), r'no image of Scenes has an object: check its annotations.* class list'),
        (
            Scenes([[0], [], [0, 2]], classes=('cup', 'fork')),
            r'has label 2 \(sample 2\), but its class list has 2 names',
        ),
        (Scenes([[0], [], [4]]), r'3 of 5 classes have no object.* The largest is 4, of sample 2\..*add objects'),
    ],
)
def test_objects_that_do_not_serve_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        CDBImageSampler(dataset)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'law': 'power'}, r"law='power': must be 'class' .* or 'repeat'"),
        (
            {'repeat_threshold': 0.1},
            r"repeat_threshold=0\.1: law='class' repeats no images; leave it out, or set law='re",
        ),
        (
            {'law': 'repeat', 'frequency_power': 0.5},
            r"frequency_power=0\.5: law='repeat' draws no classes; leave it out",
        ),
        ({'law': 'repeat', 'repeat_threshold': 0}, r'repeat_threshold=0: must be a number in \(0, 1\]'),
        ({'law': 'repeat', 'repeat_threshold': 2}, 'repeat_threshold=2'),
        ({'tau': -1}, 'tau=-1'),
        ({'frequency_power': -1}, 'frequency_power=-1'),
        ({'begin': 1.5}, r'begin=1\.5'),
        ({'num_samples': 0}, 'num_samples=0'),
        ({'shuffle': False}, 'shuffle=False: CDBImageSampler draws at random'),
        ({'infinite': True, 'round_up': False}, 'drift apart'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        CDBImageSampler(Scenes([[0], [1]]), **arguments)


def test_difficulty_of_another_number_of_classes_is_refused():
    sampler = sampler_of([[0], [1]])
    with pytest.raises(ValueError, match=r'difficulty has 3 classes, Scenes has 2'):
        sampler.set_class_difficulty([1, 1, 1])


def test_images_are_those_of_the_wrapper():
    balanced = ClassBalancedDataset(scenes_of([0] * 14 + [1] * 2), 0.5)
    assert CDBImageSampler(balanced, seed=0).image_counts.tolist() == [14, 4]
    assert CDBImageSampler(RepeatDataset(Scenes(IMAGES), 2), seed=0).image_counts.tolist() == (2 * SHOWN).tolist()
    both = ConcatDataset([scenes_of([0, 1]), Scenes([[1, 1, 0]])])
    sampler = CDBImageSampler(both, law='repeat', seed=0)
    assert (sampler.class_counts.tolist(), sampler.image_counts.tolist()) == ([2, 3], [2, 2])
    assert sorted(sampler) == [0, 1, 2]


def test_one_label_an_image_is_the_law_of_the_other_sampler():
    from cdb_video.samplers.cdb_sampler import CDBSampler

    labels = np.random.default_rng(0).integers(0, 5, 200).tolist()
    dataset = scenes_of(labels)  # it has labels too
    ours, theirs = (kind(dataset, tau=2, seed=7) for kind in (CDBImageSampler, CDBSampler))
    for sampler in (ours, theirs):
        sampler.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1])
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(ours.object_probability, ours.class_probability)


def test_recipe_merges_over_a_base_config_and_the_hook_finds_it():
    import torch

    merged = {'type': 'CDBImageSampler', 'shuffle': True, 'law': 'repeat'}
    sampler = DATA_SAMPLERS.build(merged, default_args={'dataset': Scenes([[0], [1]]), 'seed': 0})
    assert find_difficulty_consumers(torch.nn.Identity(), sampler) == {'CDBImageSampler': sampler}


def test_one_label_an_image_is_no_law_of_objects():
    with pytest.raises(ValueError, match='labels, 30 numbers: CDBImageSampler draws images by all objects'):
        CDBImageSampler(Scenes(IMAGES[:30]), labels=range(30), seed=3)


def test_a_class_mass_is_for_the_law_that_draws_classes():
    sampler = sampler_of()
    sampler.set_class_mass(np.arange(NUM_CLASSES) + 1)
    np.testing.assert_allclose(sampler.class_probability, (np.arange(NUM_CLASSES) + 1) / sum(range(NUM_CLASSES + 1)))
    with pytest.raises(ValueError, match="set_class_mass with law='repeat'"):
        sampler_of(law='repeat').set_class_mass(np.ones(NUM_CLASSES))
