"""What `cdb_video.advice` says is what pages and configs say, and it trains."""

import re
import uuid

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner

from cdb_video import advice
from tests.support.runs import BASE, hook_of, merged
from tests.support.toys import ToyModel
from tools.maintain import advice as pages

PLAIN = {
    'model': {'_delete_': True, 'type': 'HeadedModel', 'cls_head': {'loss_cls': {'type': 'PlainLoss'}}},
    'train_dataloader': {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}},
    'val_evaluator': ...,
    'custom_hooks': ...,
    'train_cfg': {'max_epochs': 2},
    'test_dataloader': BASE['val_dataloader'],
    'test_cfg': {},
}
"""A toy configuration to which nothing of ours was added yet."""


@MODELS.register_module(force=True)
class HeadedModel(ToyModel):
    """ToyModel whose head is a part of the config, as in mmaction2."""

    def __init__(self, cls_head):
        super().__init__(loss_cls=cls_head['loss_cls'])


@pytest.mark.parametrize('name', pages.PAGES)
def test_a_page_has_the_snippet_and_the_words_of_today(repository, name):
    text = (repository / name).read_text()
    assert pages.renewed(text) == text, f'{name} is behind: python -m tools.maintain.advice --write'
    assert text.count(advice.LEAF) >= 1


def test_pages_are_renewed_in_one_go(repository, tmp_path, monkeypatch, capsys):
    for name in pages.PAGES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((repository / name).read_text())
    monkeypatch.setattr(pages, 'ROOT', tmp_path)
    assert pages.main([]) == 0
    monkeypatch.setattr(advice, 'LOSS', {'type': 'CDBLoss', 'tau': 0.25})
    monkeypatch.setattr(advice, 'SAMPLER', {'type': 'CDBSampler', 'tau': 0.0})
    monkeypatch.setattr(advice, 'VERDICT', 'something else')
    assert pages.main([]) == 1
    assert pages.main(['--write']) == 0
    assert pages.main([]) == 0
    assert capsys.readouterr().out.count('renewed\n') == len(pages.PAGES)
    for name in pages.PAGES:
        new = (tmp_path / name).read_text()
        assert f'{advice.loss_line(advice.LOSS)}\n{advice.sampler_line(advice.SAMPLER)}' in new
        assert '**Advised**: something else' in new
        assert 'logit_adjustment=1.0' not in pages.snippet()


def test_a_page_without_the_snippet_or_with_two_is_refused():
    with pytest.raises(ValueError, match='0 paragraphs begin with'):
        pages.renewed('no advice here\n')
    with pytest.raises(ValueError, match='2 paragraphs begin with'):
        pages.renewed(f'{advice.snippet()}\n\n{advice.snippet()}\n')


def leaves(repository, method):
    """The shipped configs of a method on verbs or actions, with a validation."""
    return sorted(
        path
        for path in (repository / 'configs/egtea').rglob('*.py')
        if re.fullmatch(rf'(slowfast|i3d)_{method}(_action106)?', path.stem)
    )


@pytest.mark.parametrize(
    ('method', 'loss', 'hook', 'sampler'),
    [
        (advice.METHOD, advice.LOSS, advice.HOOK, advice.SAMPLER),
        ('cdbw', advice.CDB_W, {'type': 'ClassDifficultyHook'}, None),
        ('cdbs', None, {'type': 'ClassDifficultyHook'}, advice.CDB_S),
    ],
)
def test_the_configs_are_what_is_advised_and_what_the_papers_have(repository, method, loss, hook, sampler):
    found = leaves(repository, method)
    assert len(found) > 3
    for path in found:
        config = Config.fromfile(path)
        ours = dict(config.model.cls_head.get('loss_cls', {}))
        assert ours == dict(loss) if loss else ours.get('type') != 'CDBLoss', path
        assert config.custom_hooks[0] == dict(hook), path
        theirs = dict(config.train_dataloader.sampler)
        assert dict(sampler).items() <= theirs.items() if sampler else theirs['type'] == 'DefaultSampler', path


@pytest.mark.training
def test_the_snippet_trains_what_it_says(tmp_path):
    Config(merged(BASE, PLAIN)).dump(tmp_path / 'base.py')
    (tmp_path / 'child.py').write_text(f"_base_ = 'base.py'\n{advice.snippet()}\n")
    config = Config.fromfile(tmp_path / 'child.py')
    config.update(work_dir=str(tmp_path), experiment_name=uuid.uuid4().hex)
    runner = Runner.from_cfg(config)
    runner.train()
    loss = runner.model.cls_head.loss_cls
    settings = {name: value for name, value in advice.LOSS.items() if name != 'type'}
    assert {name: getattr(loss, name) for name in settings} == settings
    weights = loss.class_weight
    assert weights is not None
    assert weights.max() > weights.min()
    assert loss.strength_ == pytest.approx(advice.LOSS['strength'])
    assert loss.prior_term is not None
    assert hook_of(runner).smoothing['momentum'] == advice.HOOK['momentum']
