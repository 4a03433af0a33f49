"""docs/use/extend.md: its loss and its sampler in trainings, as the page has them."""

import re
import sys
import types

import numpy as np
import pytest
import torch
from mmengine.registry import DATA_SAMPLERS, MODELS

from cdb_video.difficulty.history import read_history
from tests.support.runs import make_runner
from tests.support.toys import ToyDataset

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def parts(repository):
    """What the first and the third block of the page define, by name."""
    page = (repository / 'docs/use/extend.md').read_text()
    loss, _, sampler, *_ = re.findall(r'```python\n(.*?)```', page, flags=re.DOTALL)
    found = {}
    for name, text in (('my_loss', loss), ('my_sampler', sampler)):
        module = types.ModuleType(name)
        sys.modules[name] = module  # where torch and pickle look for it
        exec(text, module.__dict__)
        found |= vars(module)
    yield found
    for registry, name in ((MODELS, 'HalfToThreeHalves'), (DATA_SAMPLERS, 'HarderHalfTwice')):
        registry.module_dict.pop(name)
    for name in ('my_loss', 'my_sampler'):
        del sys.modules[name]


def train(folder, epochs, **changes):
    runner = make_runner(
        folder,
        f'{folder.name}_{epochs}',
        model={'loss_cls': {'type': 'HalfToThreeHalves', '_delete_': True}},
        train_cfg={'max_epochs': epochs},
        custom_hooks=[{'type': 'ClassDifficultyHook'}, {'type': 'SampleSeedHook'}],
        **changes,
    )
    runner.train()
    return runner


def test_the_loss_is_handed_the_difficulty_recorded_and_resumed(parts, tmp_path):
    straight = train(tmp_path / 'straight', 3)
    records = read_history(tmp_path / 'straight/class_history.jsonl').records
    assert [set(record.consumers) for record in records] == [{'CDBSampler', 'HalfToThreeHalves'}] * 3
    for record in records:
        assert record.consumers['HalfToThreeHalves'].weight == pytest.approx(0.5 + np.array(record.difficulty))
    train(tmp_path / 'parts', 2)
    resumed = train(tmp_path / 'parts', 3, resume=True)
    for one, other in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_loss_weighs_as_the_page_says(parts):
    loss, scores, labels = parts['HalfToThreeHalves'](), torch.randn(6, 2), torch.tensor([0, 1, 1, 0, 1, 1])
    plain = torch.nn.functional.cross_entropy(scores, labels, reduction='none')
    torch.testing.assert_close(loss(scores, labels), plain.mean())
    loss.set_class_difficulty([0.1, 0.9])
    expected = (plain * torch.tensor([0.6, 1.4])[labels]).sum()
    torch.testing.assert_close(loss(scores, labels), expected / 6)
    torch.testing.assert_close(loss(scores, labels, avg_factor=3), expected / 3)


def test_the_sampler_draws_by_its_law_and_is_recorded(parts, tmp_path):
    runner = train(
        tmp_path, 2, train_dataloader={'sampler': {'_delete_': True, 'type': 'HarderHalfTwice', 'num_samples': 600}}
    )
    sampler, (_, last) = runner.train_dataloader.sampler, read_history(tmp_path / 'class_history.jsonl').records
    hard = np.array(last.difficulty) >= np.median(last.difficulty)
    law = np.where(hard, 2, 1) / np.where(hard, 2, 1).sum()
    assert last.consumers['HarderHalfTwice'].probability == pytest.approx(law)
    drawn = np.bincount(sampler.dataset.labels[sampler.draw_epoch()], minlength=4)
    assert (np.abs(drawn - 600 * law) < 1).all()


@pytest.mark.parametrize(
    ('mass', 'message'),
    [
        ([1, 1, 1], 'has 3 classes, but ToyDataset has 4'),
        ([1, -1, 1, 1], r'masses are numbers >= 0; class 1 has -1'),
        ([1, 1, float('nan'), 1], r'class 2 has nan'),
        ([0, 0, 0, 5], r'0 for every class that has clips'),
    ],
)
def test_a_mass_that_is_none_is_refused(parts, mass, message):
    sampler = parts['HarderHalfTwice'](ToyDataset([5, 4, 3, 0]), allow_empty=True)
    with pytest.raises(ValueError, match=message):
        sampler.set_class_mass(mass)
    sampler.set_class_mass([1, 1, 1, 5])
    assert sampler.class_probability.tolist() == pytest.approx([1 / 3] * 3 + [0])
