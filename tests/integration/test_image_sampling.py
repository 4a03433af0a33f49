"""CDBImageSampler in whole toy trainings: difficulty, resuming, and two processes with gloo on the CPU."""

import itertools
import uuid

import numpy as np
import pytest

import cdb_video  # noqa: F401  (registers the parts of the toy configuration)
from cdb_video.difficulty.history import read_history
from tests.support.parallel import in_processes
from tests.support.scenes import long_tailed_scenes
from tests.support.toys import CLASS_NAMES

pytestmark = pytest.mark.training

IMAGES = [[c % 4 for c in own] for own in long_tailed_scenes(75, 6)]
LAWS = [{'law': 'class'}, {'law': 'repeat', 'repeat_threshold': 0.4, 'tau': 2.0}]


def train(work_dir, law, epochs, **changes):
    """Train the toy model on the first class of every image; its runner."""
    from tests.support import scenes  # noqa: F401  (registers its dataset, in another process too)
    from tests.support.runs import make_runner

    dataset = {'_delete_': True, 'type': 'Scenes', 'images': IMAGES, 'classes': CLASS_NAMES}
    runner = make_runner(
        work_dir,
        uuid.uuid4().hex,
        model={'loss_cls': {'tau': 0, 'logit_adjustment': 1.0}},
        train_dataloader={'dataset': dataset, 'sampler': {'_delete_': True, 'type': 'CDBImageSampler', **law}},
        train_cfg={'max_epochs': epochs},
        **changes,
    )
    runner.train()
    return runner


@pytest.mark.parametrize('law', LAWS, ids=str)
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, law):
    straight = train(tmp_path / 'straight', law, 3)
    train(tmp_path / 'parts', law, 2)
    resumed = train(tmp_path / 'parts', law, 3, resume=True)
    assert resumed.model.batches == straight.model.batches[-10:]
    histories = [read_history(tmp_path / name / 'class_history.jsonl').records for name in ('straight', 'parts')]
    assert [record.difficulty for record in histories[0]] == [record.difficulty for record in histories[1]]
    (probability,) = {tuple(one[-1].consumers['CDBImageSampler'].probability) for one in histories}
    sampler = straight.train_dataloader.sampler
    np.testing.assert_allclose(probability, sampler.class_probability)
    assert np.ptp(probability) > 0.02
    # The loss is told of the objects that come with those that an image was drawn for.
    prior = straight.model.cls_head.loss_cls.prior_term.exp()
    np.testing.assert_allclose(prior, sampler.object_probability)
    assert sampler.class_counts.tolist() == np.bincount(list(itertools.chain(*IMAGES))).tolist()


def train_as_rank(rank, work_dir, law):
    """Train two epochs; what this rank saw."""
    from tests.support.runs import hook_of

    wrapper = {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False}
    runner = train(work_dir, law, 2, launcher='pytorch', model_wrapper_cfg=wrapper)
    sampler = runner.train_dataloader.sampler
    sampler.set_epoch(0)
    return {
        'difficulty': hook_of(runner).state_.difficulty.tolist(),
        'probability': sampler.class_probability.tolist(),
        'seed': sampler.seed,
        'draw': sampler.draw_epoch().tolist(),
        'slice': list(sampler),
    }


@pytest.mark.slow
@pytest.mark.parametrize('law', [pytest.param(LAWS[0], marks=pytest.mark.long), LAWS[1]], ids=str)
def test_ranks_agree_and_take_slices_of_one_draw(tmp_path, law):
    zero, one = in_processes(2, train_as_rank, str(tmp_path), law)
    for key in ('difficulty', 'probability', 'seed', 'draw'):
        assert zero[key] == one[key]
    # 75 images on two ranks: the draw, padded with its first image.
    assert zero['slice'] + one['slice'] == zero['draw'][0::2] + zero['draw'][1::2] + zero['draw'][:1]
    assert len(read_history(tmp_path / 'class_history.jsonl').records) == 2


def seeds_and_slices(rank):
    """What a rank draws where no seed is given."""
    from cdb_video.samplers.cdb_image_sampler import CDBImageSampler
    from tests.support.scenes import Scenes

    np.random.seed(rank)
    sampler = CDBImageSampler(Scenes(IMAGES), law='repeat', num_samples=74)
    return sampler.seed, list(sampler), sampler.draw_epoch().tolist()


def test_without_a_seed_two_ranks_agree_on_one():
    (seed, first, draw), (other_seed, second, other_draw) = in_processes(2, seeds_and_slices)
    assert (seed, draw) == (other_seed, other_draw)
    assert [*itertools.chain(*zip(first, second, strict=True))] == draw
