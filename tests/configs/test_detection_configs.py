"""The configs for detection, as far as they can be read without mmdet; what is built is in tests/hosts/mmdet."""

import re
from pathlib import Path

import pytest
from mmengine.config import ConfigDict
from mmengine.registry import DATA_SAMPLERS, HOOKS, MODELS

import cdb_video  # noqa: F401  registers what the leaves name

FOLDER = Path(__file__).resolve().parents[2] / 'configs/detection'
LEAVES = sorted(path for path in FOLDER.glob('*/*.py') if path.parent.name != '_base_')
METHODS = {'ce', 'seesaw', 'rfs', 'balsoftmax', 'cdbw', 'cdbs', 'cdba', 'cdba_balsoftmax'}
NETWORKS = {
    'lvis_v1': [f'{net}_r50_fpn_{plan}' for net in ('mask-rcnn', 'cascade-mask-rcnn') for plan in ('1x', '2x')],
    'shapes': ['mask-rcnn'],
}
HEAD = {'type': 'Shared2FCBBoxHead', 'loss_cls': {'type': 'CrossEntropyLoss', 'use_sigmoid': False}}


def own_lines(leaf):
    """What a leaf itself sets, over bases of which it sees three box heads and a dataset."""
    base = ConfigDict(
        model={'roi_head': {'bbox_head': [HEAD] * 3}}, train_dataloader={'dataset': {'type': 'LVISV1Dataset'}}
    )
    text = leaf.read_text()
    names = {'_base_': base}
    exec(re.sub(r'^_base_ = (\[.*?\n\]|.*?)$', '', text, flags=re.DOTALL | re.MULTILINE), names)
    return {name: value for name, value in names.items() if not name.startswith('_')}


def losses_of(settings):
    """The losses of the box heads, one or three; none where a leaf keeps those of its base."""
    heads = settings.get('model', {}).get('roi_head', {}).get('bbox_head', [])
    return [head['loss_cls'] for head in (heads if isinstance(heads, list) else [heads])]


def test_every_network_has_every_method():
    expected = {f'{kind}/{net}_{method}' for kind, nets in NETWORKS.items() for net in nets for method in METHODS}
    assert {f'{leaf.parent.name}/{leaf.stem}' for leaf in LEAVES} == expected


def test_a_leaf_of_2x_is_that_of_1x_with_the_longer_schedule():
    short = [leaf for leaf in LEAVES if '_1x_' in leaf.stem]
    for leaf in short:
        longer = leaf.with_name(leaf.name.replace('_1x_', '_2x_'))
        assert longer.read_text() == leaf.read_text().replace('1x', '2x')
    assert len(short) == 2 * len(METHODS)


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: f'{leaf.parent.name}-{leaf.stem}')
def test_the_parts_of_a_leaf_build_and_agree(leaf):
    assert len(leaf.read_text().splitlines()) <= 30
    settings = own_lines(leaf)
    net = next(net for net in NETWORKS[leaf.parent.name] if re.fullmatch(f'{net}_({"|".join(METHODS)})', leaf.stem))
    method = leaf.stem.removeprefix(f'{net}_')
    losses, sampler = losses_of(settings), settings.get('train_dataloader', {}).get('sampler')
    with_loss = method not in ('ce', 'rfs', 'cdbs')
    assert len(losses) == (0 if not with_loss else 3 if net.startswith('cascade') else 1)
    for loss in losses:
        assert loss['type'] == ('SeesawLoss' if method == 'seesaw' else 'CDBLoss')
        if loss['type'] == 'CDBLoss':
            assert MODELS.build(loss).background == 1.0
    assert (sampler is None) == (method != 'cdbs')
    if sampler is not None:
        assert DATA_SAMPLERS.get(sampler['type']).__name__ == 'CDBImageSampler'
    assert ('dataset' in settings.get('train_dataloader', {})) == (method == 'rfs')
    acts = method.startswith('cdb')
    assert ('custom_hooks' in settings) == (acts or method == 'ce')
    if 'custom_hooks' in settings:
        (hook,) = settings['custom_hooks']
        HOOKS.build(hook)
        assert hook.get('observe_only', False) == (not acts)
        assert (hook.get('momentum') == 'mean') == method.startswith('cdba')
        assert hook.get('val_subset') == (None if leaf.parent.name == 'shapes' else 2000)
        assert (hook.get('min_difficulty', 0) > 0) == (method in ('cdbw', 'cdbs'))


def test_the_advised_leaf_is_what_is_advised_with_a_background():
    from cdb_video import advice

    for leaf in FOLDER.glob(f'*/*_{advice.METHOD}.py'):
        settings = own_lines(leaf)
        assert all(dict(loss) == {**advice.LOSS, 'background': 1.0} for loss in losses_of(settings))
        (hook,) = settings['custom_hooks']
        assert {name: value for name, value in hook.items() if name != 'val_subset'} == dict(advice.HOOK)
