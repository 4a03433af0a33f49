"""The configs for detection: models that build, what mmdet ships for the same, and a training by each method."""

from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import HOOKS, METRICS, MODELS, init_default_scope

from cdb_video.head_loss import head_losses
from tests.support.shapes import make_long_tailed_shapes

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / 'configs/detection'
LEAVES = sorted(path for path in FOLDER.glob('*/*.py') if path.parent.name != '_base_')
BUILT = [leaf for leaf in LEAVES if '_2x_' not in leaf.stem or leaf.stem.endswith('_ce')]
"""Those of 2x are those of 1x but for the schedule, as tests/configs sees."""
CLASSES = {'lvis_v1': 1203, 'shapes': 12}
VARIABLES = ('LVIS_ROOT', 'SHAPES_ROOT')


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope='module')
def entries():
    models = yaml.safe_load((FOLDER / 'metafile.yml').read_text())['Models']
    return {model['Name']: model for model in models}


def box_heads(model):
    heads = model.roi_head.bbox_head
    return list(heads) if isinstance(heads, torch.nn.ModuleList) else [heads]


@pytest.mark.parametrize('leaf', BUILT, ids=lambda leaf: f'{leaf.parent.name}-{leaf.stem}')
def test_a_leaf_builds_with_the_classes_and_parameters_that_are_stated(leaf, entries):
    import mmdet.models  # noqa: F401  registers them

    config, entry = Config.fromfile(leaf), entries[f'{leaf.parent.name}_{leaf.stem}']
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    heads = box_heads(model)
    assert len(heads) == (3 if leaf.stem.startswith('cascade') else 1)
    assert {head.num_classes for head in heads} == {CLASSES[leaf.parent.name]}
    losses = {name: loss for name, loss in head_losses(model).items() if hasattr(loss, 'set_class_difficulty')}
    assert len(losses) == (len(heads) if 'CDBLoss' in leaf.read_text() else 0)
    assert all(loss.background == 1.0 for loss in losses.values())
    (hook,) = config.custom_hooks
    HOOKS.build(hook)
    for evaluator in (config.val_evaluator, config.test_evaluator):
        lvis, objects = evaluator
        assert (lvis.type, lvis.metric) == ('LVISMetric', ['bbox', 'segm'])
        METRICS.build(objects)
    facts = entry['Metadata']
    assert facts['Parameters'] == f'{sum(part.numel() for part in model.parameters()) / 1e6:.2f}M'
    assert facts['Epochs'] == config.train_cfg.max_epochs
    assert facts['Batch Size'] == config.train_dataloader.batch_size
    assert [result['Metrics'] for result in entry['Results']] == [{}, {}]


SHIPPED = {
    'mask-rcnn_r50_fpn_1x_rfs': 'lvis/mask-rcnn_r50_fpn_sample1e-3_ms-1x_lvis-v1.py',
    'mask-rcnn_r50_fpn_2x_seesaw': 'seesaw_loss/mask-rcnn_r50_fpn_seesaw-loss_random-ms-2x_lvis-v1.py',
}


@pytest.mark.parametrize('leaf', SHIPPED)
def test_a_leaf_trains_as_the_config_that_mmdet_ships_for_it(leaf):
    import mmdet

    ours = Config.fromfile(FOLDER / f'lvis_v1/{leaf}.py')
    theirs = Config.fromfile(Path(mmdet.__file__).parent / '.mim/configs' / SHIPPED[leaf])
    for part in ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'optim_wrapper', 'param_scheduler'):
        assert without_empty(ours[part]) == without_empty(theirs[part]), part
    metric, shipped = without_empty(ours.val_evaluator[0]), without_empty(theirs.val_evaluator)
    assert {**shipped, **metric} == shipped
    assert ours.train_cfg.max_epochs == theirs.train_cfg.max_epochs


def without_empty(part):
    """Without the settings that are None, which some of mmdet's configs leave out, and the notes of their scope."""
    if isinstance(part, dict):
        return {key: without_empty(value) for key, value in part.items() if value is not None and key != '_scope_'}
    return [without_empty(value) for value in part] if isinstance(part, list | tuple) else part


def test_a_variable_says_where_the_images_lie(monkeypatch):
    monkeypatch.setenv('LVIS_ROOT', '/elsewhere')
    config = Config.fromfile(FOLDER / 'lvis_v1/cascade-mask-rcnn_r50_fpn_1x_rfs.py')
    sets = [config.train_dataloader.dataset.dataset, config.val_dataloader.dataset, config.test_dataloader.dataset]
    assert {dataset.data_root for dataset in sets} == {'/elsewhere/'}
    assert config.val_evaluator[0].ann_file == '/elsewhere/annotations/lvis_v1_val.json'
    assert config.train_dataloader.dataset.oversample_thr == 1e-3


@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    """Drawn shapes as make_shapes writes them."""
    return make_long_tailed_shapes(tmp_path_factory.mktemp('shapes') / 'shapes')


@pytest.fixture
def _no_visualizer():
    """mmengine keeps one of each name for a whole process, and those of mmdet apart from its own."""
    from mmdet.visualization import DetLocalVisualizer

    yield
    DetLocalVisualizer._instance_dict.clear()


@pytest.mark.training
@pytest.mark.usefixtures('_no_visualizer')
@pytest.mark.parametrize('method', [leaf.stem.removeprefix('mask-rcnn_') for leaf in (FOLDER / 'shapes').glob('*.py')])
def test_each_method_trains_from_shapes_as_make_shapes_draws_them(shapes, method, tmp_path, monkeypatch):
    from mmengine.runner import Runner

    monkeypatch.setenv('SHAPES_ROOT', str(shapes))
    config = Config.fromfile(FOLDER / f'shapes/mask-rcnn_{method}.py')
    loaders = {
        f'{part}_dataloader.{name}': value
        for part in ('train', 'val', 'test')
        for name, value in (('num_workers', 0), ('persistent_workers', False))
    }
    config.merge_from_dict(loaders | {'train_cfg.max_epochs': 1, 'work_dir': str(tmp_path), 'randomness.seed': 0})
    runner = Runner.from_cfg(config)
    runner.train()
    assert (tmp_path / 'class_history.jsonl').is_file()
    assert next(tmp_path.glob('best_lvis_segm_AP_epoch_1.pth')).is_file()
    metrics = runner.test()
    assert {'obj/mean1', 'lvis/bbox_AP', 'lvis/segm_AP', 'lvis/segm_APr'} <= set(metrics)
