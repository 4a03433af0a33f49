from pathlib import Path

import build_lists
import extract_frames
import make_egtea_mini
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATA_SAMPLERS, DATASETS, init_default_scope

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.classifier.heads import check_classifier_of_loss
from cdb_video.difficulty.tracking.consumers import find_prior_consumers

pytestmark = pytest.mark.training

FOLDER = Path(__file__).resolve().parents[2] / 'configs/egtea/mini'
LEAVES = sorted(path.stem for path in FOLDER.glob('*.py'))


@pytest.fixture(scope='module')
def load(tmp_path_factory):
    """Load a mini leaf by name, pointed at an EGTEA-mini of two clips per verb and part."""
    root = tmp_path_factory.mktemp('egtea_mini')
    options = ['--scale', '0.001', '--workers', '1']
    assert make_egtea_mini.main(['--out', str(root), *options]) == 0
    for form in ([], ['--pack']):
        assert extract_frames.main(['--data-root', str(root), '--workers', '1', *form]) == 0
    lists = ['--label', 'verb', '--split', '1', '--hold-out', 'subjects:P20-P26', '--source', 'both']
    assert build_lists.main(['--data-root', str(root), *lists]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('EGTEA_ROOT', str(root))
        yield lambda leaf: Config.fromfile(FOLDER / f'{leaf}.py')


@pytest.fixture
def mmaction_scope():
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')


@pytest.mark.parametrize('leaf', LEAVES)
@pytest.mark.usefixtures('mmaction_scope')
def test_a_leaf_reads_clips_and_learns_from_them(load, leaf):
    from mmaction.registry import MODELS

    config = load(leaf)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert len(dataset) == 19 * 2
    model = MODELS.build(config.model)
    assert model.cls_head.num_classes == len(dataset.metainfo['classes']) == 19
    check_classifier_of_loss(model)
    sampler = DATA_SAMPLERS.build(config.train_dataloader.sampler, default_args={'dataset': dataset, 'seed': 0})
    assert len(list(sampler)) == 38
    for loss in find_prior_consumers(model):
        loss.set_class_prior(range(1, 20))
    batch = pseudo_collate([dataset[0], dataset[20]])
    data = model.data_preprocessor(batch, training=True)
    losses = model(**data, mode='loss')
    losses['loss_cls'].backward()
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert all(torch.isfinite(model.get_parameter(name).grad).all() for name in trained)
    if 'crt' in leaf:
        assert trained == ['cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']
    elif 'lws' in leaf:
        assert trained == ['cls_head.fc_cls.class_scale']
    else:
        assert len(trained) > 20


@pytest.mark.parametrize('leaf', LEAVES)
@pytest.mark.usefixtures('mmaction_scope')
def test_a_leaf_scores_test_clips_and_keeps_their_names(load, leaf):
    from mmaction.registry import MODELS

    config = load(leaf)
    dataset = DATASETS.build(config.test_dataloader.dataset)
    model = MODELS.build(config.model).eval()
    with torch.no_grad():
        (sample,) = model.test_step(pseudo_collate([dataset[3]]))
    torch.testing.assert_close(sample.pred_score.sum(), torch.tensor(1.0))
    assert sample.pred_score.shape == (19,)
    assert sample.frame_dir == dataset.get_data_info(3)['frame_dir']


@pytest.mark.parametrize('reader', ['frames', 'video', 'pyav'])
@pytest.mark.usefixtures('mmaction_scope')
def test_every_reader_shows_a_leaf_the_same_clips(load, reader, monkeypatch):
    packs = DATASETS.build(load('slowfast_ce').test_dataloader.dataset)
    monkeypatch.setenv('EGTEA_READER', reader)
    others = DATASETS.build(load('slowfast_ce').test_dataloader.dataset)
    assert len(others) == len(packs)
    for index in (0, 11):
        clip, other = packs[index], others[index]
        assert other['data_samples'].gt_label == clip['data_samples'].gt_label
        # JPEG, and ways to convert colours, differ by levels.
        assert (other['inputs'].float() - clip['inputs'].float()).abs().mean() < (4 if reader != 'frames' else 1e-9)
    monkeypatch.setenv('EGTEA_READER', 'tape')
    with pytest.raises(ValueError, match="EGTEA_READER='tape': must be 'frames', 'pack'"):
        load('slowfast_ce')


@pytest.mark.usefixtures('mmaction_scope')
def test_sixteen_frames_cover_a_clip_of_any_length(load):
    sample = DATASETS.build(load('slowfast_ce').test_dataloader.dataset)[0]
    assert sample['inputs'].shape == (1, 3, 16, 32, 32)
    pipeline = load('slowfast_ce').test_pipeline
    from mmaction.registry import TRANSFORMS

    pick = TRANSFORMS.build(pipeline[0])
    for length in (15, 30, 64):
        frames = pick({'total_frames': length, 'start_index': 1})['frame_inds']
        assert frames[0] == 1 + (length - 1) // 32
        assert length * 0.9 <= frames[-1] <= length
