"""The configs for images: models that build, what the metafile says of them, and a training by each method."""

from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmengine.registry import MODELS

from cdb_video.commands import train
from cdb_video.run.start import stated_num_classes
from tests.support.images import SIZE, make_images

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / 'configs/images'
LEAVES = sorted(path for path in FOLDER.glob('*/*.py') if path.parent.name != '_base_')
STATED = {'digits_lt': 10, 'fashion_lt': 10, 'cifar100_lt': 100, 'imagenet_lt': 1000}


@pytest.fixture(scope='module')
def entries():
    models = yaml.safe_load((FOLDER / 'metafile.yml').read_text())['Models']
    return {model['Name']: model for model in models}


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: f'{leaf.parent.name}-{leaf.stem}')
def test_a_model_builds_with_the_classes_and_parameters_that_are_stated(leaf, entries):
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    config, entry = Config.fromfile(leaf), entries[f'{leaf.parent.name}_{leaf.stem}']
    model = MODELS.build(config.model)
    (number,) = set(stated_num_classes(model, None, object(), 'val').values())
    assert number == STATED[leaf.parent.name]
    facts = entry['Metadata']
    assert facts['Parameters'] == f'{sum(part.numel() for part in model.parameters()) / 1e6:.2f}M'
    assert facts['Epochs'] == config.train_cfg.max_epochs
    assert facts['Batch Size'] == config.train_dataloader.batch_size
    assert [result['Metrics'] for result in entry['Results']] == [{}]


@pytest.fixture(scope='module')
def lists(tmp_path_factory):
    """A data set in the layout of make_images: images/, lists/ and classes.txt."""
    root = tmp_path_factory.mktemp('digits')
    counts = {'train': (16, 8, 6, 4), 'val': (4, 4, 4, 4), 'test': (4, 4, 4, 4)}
    made = make_images(root / 'images', counts)
    (root / 'lists').mkdir()
    for part, name in (('train', 'train_imb100'), ('val', 'val'), ('test', 'test')):
        lines = (made / f'{part}.txt').read_text().splitlines()
        (root / f'lists/{name}.txt').write_text(''.join(f'{part}/{line}\n' for line in lines))
    (root / 'classes.txt').write_text((made / 'classes.txt').read_text())
    return root


@pytest.mark.training
@pytest.mark.filterwarnings('ignore:.pin_memory. argument is set as true')
@pytest.mark.parametrize('method', ['ce', 'cdbw', 'cdbs', 'cdbws', 'balsoftmax', 'cdba_balsoftmax'])
def test_each_method_trains_from_lists_as_make_images_writes_them(lists, method, tmp_path, monkeypatch):
    monkeypatch.setenv('DIGITS_ROOT', str(lists))
    resize = f'train_dataloader.dataset.pipeline.1.crop_size={SIZE}'
    words = ['--seed', '0', '--work-dir', str(tmp_path), '--cfg-options', 'train_cfg.max_epochs=1', resize]
    words += ['model.head.num_classes=4', 'model.data_preprocessor.num_classes=4']
    words += [f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')]
    words += [f'{part}_dataloader.persistent_workers=False' for part in ('train', 'val', 'test')]
    assert train.main([str(FOLDER / f'digits_lt/resnet8_{method}.py'), *words]) == 0
    assert (tmp_path / 'class_history.jsonl').is_file()
    assert next(tmp_path.glob('best_acc_mean1_epoch_1.pth')).is_file()
