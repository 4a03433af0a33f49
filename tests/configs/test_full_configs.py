"""The leaves for the real EGTEA: variables, lists, classes, readers, and a step of every network."""

import importlib.util
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, init_default_scope

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.data.labels import dataset_labels
from cdb_video.data.units import count_training
from cdb_video.difficulty.tracking.consumers import find_difficulty_consumers, hand_on_prior
from cdb_video.run.start import agreed_num_classes
from tests.support.egtea import CLIPS_OF_PARTS, VARIABLES, make_real

pytestmark = pytest.mark.training

FOLDER = Path(__file__).resolve().parents[2] / 'configs/egtea'
ALL_CLIPS_LEAVES = sorted(path.stem for path in FOLDER.glob('*_all.py'))
LEAVES = sorted({path.stem for path in FOLDER.glob('*.py')} - set(ALL_CLIPS_LEAVES))
VERB_LEAVES = [leaf for leaf in LEAVES if 'action106' not in leaf]
NETWORKS = ['slowfast_cdbws', 'slowfast_cdbws_action106', 'i3d_cdbws', 'i3d_cdbws_action106', 'reference_cdbw']
READERS = ['frames', 'pack', 'video', 'decord', 'pyav']
FRAMES_OF_CLIP = {'slowfast': 32, 'i3d': 32, 'reference': 10}


@pytest.fixture(scope='module')
def mini(tiny_mini):
    return tiny_mini


@pytest.fixture(scope='module')
def real(tmp_path_factory, shared_folder):
    return make_real(tmp_path_factory.mktemp('egtea'), shared_folder / 'egtea')


@pytest.fixture(scope='module')
def cache():
    return {}


@pytest.fixture
def load(monkeypatch):
    """Load a leaf with the environment variables given, and no others of its kind."""

    def run(leaf, **variables):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f'EGTEA_{name.upper()}', str(value))
        return spare_torchvision(Config.fromfile(FOLDER / f'{leaf}.py'))

    return run


@pytest.fixture(autouse=True)
def mmaction_scope():
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')


def spare_torchvision(config):
    """Leave out what needs torchvision where it is not installed."""
    if importlib.util.find_spec('torchvision') is None:
        pipeline = config.train_dataloader.dataset.pipeline
        config.train_dataloader.dataset.pipeline = [step for step in pipeline if step.type != 'TorchVisionWrapper']
    return config


def build_model(config):
    from mmaction.registry import MODELS

    return MODELS.build(config.model)


def build_datasets(config, cache, parts=tuple(CLIPS_OF_PARTS)):
    """The datasets of a leaf; leaves with the same settings share them, to save time."""
    datasets = {}
    for part in parts:
        settings = config[f'{part}_dataloader'].dataset
        key = repr(settings)
        if key not in cache:
            cache[key] = DATASETS.build(settings)
        datasets[part] = cache[key]
    return datasets


def follows_difficulty(model, sampler):
    """At tau 0, as in balanced softmax alone, a loss is handed the difficulty and does nothing with it."""
    return any(consumer.tau != 0 for consumer in find_difficulty_consumers(model, sampler).values())


def num_classes_of(leaf):
    return 106 if 'action106' in leaf else 19


@pytest.mark.parametrize('leaf', LEAVES)
def test_parts_of_a_leaf_agree_on_the_real_lists(real, load, cache, leaf):
    config = load(leaf, root=real, reader='pyav')
    datasets = build_datasets(config, cache)
    number = num_classes_of(leaf)
    for part, dataset in datasets.items():
        assert len(dataset) == CLIPS_OF_PARTS[part]
        assert len(dataset.metainfo['classes']) == number
        assert set(dataset_labels(dataset)) <= set(range(number))
    assert set(dataset_labels(datasets['train'])) == set(range(number))
    sampler = DATA_SAMPLERS.build(config.train_dataloader.sampler, default_args={'dataset': datasets['train']})
    with torch.device('meta'):  # all parts, without the time that their weights take
        model = build_model(config)
    metric = METRICS.build(config.val_evaluator)
    counts = count_training(datasets['train'], sampler)[0]
    assert agreed_num_classes(model, metric, datasets['val'], counts) == model.cls_head.num_classes == number
    (hook,) = (HOOKS.build(hook) for hook in config.custom_hooks)
    assert follows_difficulty(model, sampler) != hook.observe_only
    if 'balsoftmax' not in leaf:
        assert bool(find_difficulty_consumers(model, sampler)) != hook.observe_only
    elif 'cdbw' in leaf:
        assert (config.model.cls_head.loss_cls.tau, hook.smoothing['momentum']) == (0.5, 0.8)
    elif 'cdba' in leaf:
        assert (config.model.cls_head.loss_cls.strength, hook.smoothing['momentum']) == (3.0, 'mean')


@pytest.mark.parametrize('leaf', ALL_CLIPS_LEAVES)
def test_a_leaf_for_all_clips_trains_on_the_held_out_ones_too_and_replays(real, load, cache, leaf):
    config = load(leaf, root=real, reader='pyav')
    datasets = build_datasets(config, cache, ('train', 'test'))
    assert len(datasets['train']) == 8299
    assert len(datasets['test']) == 2022
    assert datasets['train'].metainfo['classes'] == datasets['test'].metainfo['classes']
    assert config.val_dataloader is config.val_cfg is config.val_evaluator is None
    assert config.default_hooks.checkpoint.save_best is None
    sampler = DATA_SAMPLERS.build(config.train_dataloader.sampler, default_args={'dataset': datasets['train']})
    with torch.device('meta'):
        model = build_model(config)
    counts = count_training(datasets['train'], sampler)[0]
    assert agreed_num_classes(model, None, datasets['train'], counts) == model.cls_head.num_classes == 106
    (settings,) = config.custom_hooks
    hook = HOOKS.build(settings)
    if '_cdb' not in leaf:
        assert hook.observe_only
        assert not follows_difficulty(model, sampler)
    else:
        measuring = leaf.removesuffix('_all')
        assert hook.stretch == 'epoch'
        assert str(hook.history) == f'work_dirs/{measuring}/class_history.jsonl'
        # The same loss and sampler as in the run that measured.
        measured = load(measuring)
        assert config.train_dataloader.sampler == measured.train_dataloader.sampler
        assert config.model.cls_head == measured.model.cls_head
        assert config.train_cfg.max_epochs == measured.train_cfg.max_epochs


@pytest.mark.parametrize('leaf', [leaf for leaf in LEAVES + ALL_CLIPS_LEAVES if 'balsoftmax' in leaf])
def test_balanced_softmax_takes_the_frequencies_of_the_list(real, load, cache, leaf):
    from mmaction.registry import MODELS

    config = load(leaf, root=real, reader='pyav')
    dataset = build_datasets(config, cache, ('train',))['train']
    sampler = DATA_SAMPLERS.build(config.train_dataloader.sampler, default_args={'dataset': dataset})
    loss, number = MODELS.build(config.model.cls_head.loss_cls), num_classes_of(leaf)
    counts = np.bincount(dataset_labels(dataset), minlength=number)
    hand_on_prior([loss], sampler, count_training(dataset, sampler)[0])
    if 'cdba' in leaf:
        loss.set_validations(1, 1)
    if '_cdb' in leaf:
        loss.set_class_difficulty(np.ones(number), np.zeros(number))
    for label in (0, number - 1):
        expected = -np.log(counts[label] / counts.sum())  # of equal scores
        assert loss(torch.zeros(1, number), torch.tensor([label])).item() == pytest.approx(expected, rel=1e-5)


def test_history_to_replay_and_split_reach_a_leaf_for_all_clips(load, monkeypatch):
    leaf = FOLDER / 'i3d_cdbs_action106_all.py'
    load('i3d_ce')
    monkeypatch.setenv('CDB_HISTORY', '/runs/class_history.jsonl')
    monkeypatch.setenv('EGTEA_SPLIT', '2')
    config = Config.fromfile(leaf)
    assert config.custom_hooks[0].history == '/runs/class_history.jsonl'
    assert config.train_dataloader.dataset.ann_file == 'data/egtea/lists/action_split2/train.txt'
    assert config.test_dataloader.dataset.classes == 'data/egtea/lists/action_split2/classes.txt'


@pytest.mark.parametrize('leaf', VERB_LEAVES)
def test_a_verb_leaf_agrees_with_lists_of_egtea_mini(mini, load, cache, leaf):
    config = load(leaf, root=mini)
    for dataset in build_datasets(config, cache).values():
        assert len(dataset) == 19 * 2
        assert len(dataset.metainfo['classes']) == config.model.cls_head.num_classes == 19


@pytest.mark.parametrize('leaf', LEAVES)
def test_split_and_reader_reach_every_list_of_a_leaf(load, leaf):
    config = load(leaf, root='/somewhere', split=3, reader='decord')
    labels = 'action' if 'action106' in leaf else 'verb'
    for part in CLIPS_OF_PARTS:
        dataset = config[f'{part}_dataloader'].dataset
        folder = f'/somewhere/lists/{labels}_split3_subjects-P20-P26'
        assert dataset.type == 'VideoListDataset'
        assert dataset.ann_file == f'{folder}/{part}_videos.txt'
        assert dataset.classes == f'{folder}/classes.txt'
        assert [step.type for step in dataset.pipeline if 'ecord' in step.type] == ['DecordInit', 'DecordDecode']
    assert load(leaf).train_dataloader.dataset.type == 'FrameListDataset'


def test_an_unknown_reader_is_refused_by_name(load):
    with pytest.raises(
        ValueError, match="EGTEA_READER='opencv': must be 'frames', 'pack', 'video', 'decord' or 'pyav'"
    ):
        load('slowfast_ce', reader='opencv')


@pytest.mark.parametrize('leaf', ['slowfast_cdbs', 'i3d_ce_action106', 'slowfast_cdbs_action106_all', 'reference_cdbw'])
def test_packs_are_read_where_nothing_else_is_said(load, leaf):
    train = load(leaf).train_dataloader
    assert train.dataset.data_prefix.img.endswith('/packs')
    assert [step.type for step in train.dataset.pipeline if step.type.endswith('Decode')] == ['PackDecode']


@pytest.mark.parametrize(('reader', 'workers'), [('pack', 4), ('frames', 4), ('video', 8), ('decord', 8)])
def test_loaders_have_the_workers_that_their_reader_needs(load, reader, workers):
    config = load('slowfast_ce_action106', reader=reader)
    for part in ('train', 'val', 'test'):
        loader = config[f'{part}_dataloader']
        assert (loader.num_workers, loader.persistent_workers, loader.pin_memory) == (workers, True, True)
    assert config.env_cfg.mp_cfg.opencv_num_threads == 0


def test_only_the_views_of_a_test_share_their_frames(load):
    config = load('slowfast_ce', reader='pack')
    shares = [
        step.get('share_repeats', False)
        for part in ('train', 'val', 'test')
        for step in config[f'{part}_dataloader'].dataset.pipeline
        if step.type == 'PackDecode'
    ]
    assert shares == [False, False, True]


def test_another_split_has_other_test_clips(mini, load):
    names = {}
    for split in (1, 2):
        dataset = DATASETS.build(load('i3d_ce', root=mini, split=split).test_dataloader.dataset)
        names[split] = {dataset.get_data_info(index)['frame_dir'] for index in range(len(dataset))}
    assert names[1] != names[2]


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('leaf', ['slowfast_ce', 'reference_ce'])
def test_every_reader_gives_training_clips_of_the_configured_size(mini, load, leaf, reader):
    if reader == 'decord':
        pytest.importorskip('decord')
    np.random.seed(0)
    dataset = DATASETS.build(load(leaf, root=mini, reader=reader).train_dataloader.dataset)
    sample = dataset[7]
    assert sample['inputs'].shape == (1, 3, FRAMES_OF_CLIP[leaf.split('_')[0]], 224, 224)
    key = 'frame_dir' if reader in ('frames', 'pack') else 'filename'
    assert sample['data_samples'].metainfo[key] == dataset.get_data_info(7)[key]


def test_all_readers_see_the_same_clip_in_validation(mini, load):
    pytest.importorskip('decord')
    clips = {}
    for reader in READERS:
        dataset = DATASETS.build(load('i3d_ce', root=mini, reader=reader).val_dataloader.dataset)
        clips[reader] = dataset[11]['inputs'].float()
        other = dataset[30]['inputs'].float()
    # JPEG and the two ways to convert colours differ by levels, another clip by much more.
    for reader in READERS:
        assert (clips[reader] - clips['pyav']).abs().mean() < 4
    assert (other - clips['pyav']).abs().mean() > 15


@pytest.mark.parametrize('leaf', ['slowfast_ce', 'reference_ce'])
def test_packs_give_the_training_clips_of_frames_to_the_bit(mini, load, leaf):
    clips = []
    for reader in ('frames', 'pack'):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        clips.append(DATASETS.build(load(leaf, root=mini, reader=reader).train_dataloader.dataset)[7]['inputs'])
    assert torch.equal(*clips)


def test_test_clips_are_read_as_ten_clips_in_three_crops(mini, load):
    sample = DATASETS.build(load('i3d_ce', root=mini, reader='pyav').test_dataloader.dataset)[0]
    assert sample['inputs'].shape == (30, 3, 32, 256, 256)


def test_ten_frames_of_the_reference_come_from_ten_equal_segments(load):
    from mmaction.registry import TRANSFORMS

    pick = TRANSFORMS.build(load('reference_ce').train_dataloader.dataset.pipeline[0])
    np.random.seed(0)
    draws = np.stack([pick({'total_frames': 101, 'start_index': 1})['frame_inds'] for _ in range(200)])
    assert draws.shape == (200, 10)
    for segment in range(10):
        low, high = draws[:, segment].min(), draws[:, segment].max()
        assert (low, high) == (1 + 10 * segment, 11 + 10 * segment)
    assert len(np.unique(draws, axis=0)) == 200


def test_the_rotation_of_the_reference_turns_all_frames_alike(load):
    pytest.importorskip('torchvision')
    from mmaction.registry import TRANSFORMS

    (step,) = [step for step in load('reference_ce').train_pipeline if step.type == 'TorchVisionWrapper']
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    torch.manual_seed(0)
    turned = TRANSFORMS.build(step)({'imgs': [image, image]})['imgs']
    assert (turned[0] == turned[1]).all()
    assert (turned[0] != image).any()


@pytest.mark.parametrize('leaf', NETWORKS)
def test_a_full_network_takes_a_training_step(load, leaf):
    torch.manual_seed(0)
    config = load(leaf)
    model, number = build_model(config), num_classes_of(leaf)
    model.cls_head.loss_cls.set_class_difficulty(np.linspace(0.1, 1, number), np.linspace(0.9, 0, number))
    model.train()
    batch = pseudo_collate([random_sample(FRAMES_OF_CLIP[leaf.split('_')[0]], label) for label in (0, number - 1)])
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    settings = {key: value for key, value in config.optim_wrapper.optimizer.items() if key != 'type'}
    optimizer = torch.optim.SGD(model.parameters(), **settings)
    loss = model(**model.data_preprocessor(batch, training=True), mode='loss')['loss_cls']
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    after = dict(model.named_parameters())
    assert all(torch.isfinite(value).all() for value in after.values())
    assert [name for name in before if torch.equal(before[name], after[name])] == []
    assert after['cls_head.fc_cls.weight'].shape[0] == number


@pytest.mark.parametrize(
    ('leaf', 'options'),
    [
        ('i3d_ce', ['model.backbone.norm_eval']),
        ('slowfast_ce', ['model.backbone.slow_pathway.norm_eval', 'model.backbone.fast_pathway.norm_eval']),
    ],
)
def test_the_options_of_the_docs_keep_the_statistics_of_the_pretrained_weights(load, leaf, options):
    page = (FOLDER.parents[1] / 'docs/use/egtea_training.md').read_text()
    assert ' '.join(f'{option}=True' for option in options) in page
    config = load(leaf)
    config.merge_from_dict(dict.fromkeys(options, True))
    with torch.device('meta'):
        model = build_model(config).train()
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm3d)]
    assert len(norms) > 50
    assert not any(norm.training for norm in norms)
    assert all(norm.weight.requires_grad for norm in norms)


@pytest.mark.parametrize('leaf', ['slowfast_ce', 'i3d_ce', 'reference_ce'])
def test_every_norm_of_a_network_can_be_synchronised(load, leaf):
    from mmengine.model import convert_sync_batchnorm

    with torch.device('meta'):
        model = convert_sync_batchnorm(build_model(load(leaf)), 'torch')
    kinds = {type(module).__name__ for module in model.modules() if 'BatchNorm' in type(module).__name__}
    assert kinds == {'SyncBatchNorm'}


def random_sample(frames, label, size=64):
    from mmaction.structures import ActionDataSample

    clip = torch.randint(0, 256, (1, 3, frames, size, size), dtype=torch.uint8)
    return {'inputs': clip, 'data_samples': ActionDataSample().set_gt_label(label)}
