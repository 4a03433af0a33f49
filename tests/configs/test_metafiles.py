"""model-index.yml and what it imports, as OpenMMLab's tools read them."""

from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)

ROOT = Path(__file__).resolve().parents[2]
LEAVES = sorted(path.stem for path in (ROOT / 'configs/egtea').glob('*.py'))
IMAGES = {
    f'{path.parent.name}_{path.stem}': f'configs/{host}/{path.parent.name}/{path.name}'
    for host in ('images', 'detection')
    for path in (ROOT / 'configs' / host).glob('*/*.py')
    if path.parent.name != '_base_'
}
"""Name -> config; that their entries say what these do is seen in tests/hosts, beside the hosts that can build them."""


@pytest.fixture(scope='module')
def entries():
    """The models of all imported files, by name."""
    models = []
    for path in yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']:
        models += yaml.safe_load((ROOT / path).read_text())['Models']
    by_name = {model['Name']: model for model in models}
    assert len(by_name) == len(models)
    return by_name


def test_the_index_passes_the_checks_of_openmmlab_s_reader():
    load_model_index = pytest.importorskip('modelindex.load_model_index')
    index = load_model_index.load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    index.check(silent=True)
    assert index.check_errors == set()
    assert {model.name for model in index.models} == {*LEAVES, *IMAGES}
    assert all(model.in_collection in {c.name for c in index.collections} for model in index.models)


def test_mim_turns_the_index_into_its_table():
    load_model_index = pytest.importorskip('modelindex.load_model_index')
    search = pytest.importorskip('mim.commands.search')
    index = load_model_index.load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    table = search.convert2df(index)
    assert sorted(table.index) == sorted([*LEAVES, *IMAGES])
    assert set(table['config']) == {f'configs/egtea/{leaf}.py' for leaf in LEAVES} | set(IMAGES.values())


@pytest.mark.parametrize('leaf', LEAVES)
def test_an_entry_says_what_its_config_does(entries, leaf):
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')
    entry, config = entries[leaf], Config.fromfile(ROOT / entries[leaf]['Config'])
    assert Path(entry['Config']).stem == leaf
    facts = entry['Metadata']
    assert facts['Epochs'] == config.train_cfg.max_epochs
    assert facts['Batch Size'] == config.train_dataloader.batch_size
    number = config.model.cls_head.num_classes
    labels = f'EGTEA Gaze+, split 1, {number} {"actions" if number == 106 else "verbs"}'
    assert facts['Training Data'] == entry['Results'][0]['Dataset'] == labels
    assert 'kinetics400' in config.load_from
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert facts['Parameters'] == f'{sum(p.numel() for p in model.parameters()) / 1e6:.1f}M'
    depth = getattr(model.backbone, 'depth', None) or model.backbone.slow_path.depth
    assert facts['Architecture'] == f'ResNet{depth}'


def test_no_result_is_claimed_that_was_not_measured(entries):
    for model in entries.values():
        assert model['Results']
        assert all(result['Metrics'] == {} for result in model['Results'])
        assert 'Weights' not in model
