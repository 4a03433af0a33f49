"""Mistakes in a config of a user's own: each is said before the first step, with value, rule and remedy."""

import re
import uuid
from unittest import mock

import pytest
from mmengine.config import Config

from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.run import parts
from tests.support.runs import make_runner
from tests.support.toys import ToyModel

HOOK = 'ClassDifficultyHook'
TOY = {'type': 'ToyDataset', 'counts': [40, 20, 10, 5]}
BALANCED = {'type': 'CDBLoss', 'tau': 0, 'logit_adjustment': 1.0}
LISTS = {
    'good.txt': ''.join(f'{label}/{number}.mp4 {label}\n' for label in range(4) for number in range(2)),
    'from_one.txt': ''.join(f'{label}/{number}.mp4 {label + 1}\n' for label in range(4) for number in range(2)),
    'frames.txt': '0/0.mp4 12 0\n',
    'no_label.txt': '0/0.mp4\n',
    'twice.txt': '0/0.mp4 0\n0/0.mp4 1\n',
    'elsewhere.txt': '9/0.mp4 0\n',
    'absolute.txt': '/videos/0.mp4 0\n',
    'nothing.txt': '\n',
    'classes.txt': 'a\nb\nc\nd\n',
    'double.txt': 'a\nb\nb\nd\n',
    'gap.txt': 'a\n\nc\nd\n',
    'short.txt': 'a\nb\nc\n',
    'comma.csv': 'path,label\n0/0.mp4,0\n',
}


def loss(**options):
    return {'model': {'loss_cls': {'type': 'CDBLoss', **options}}}


def sampler(**options):
    return {'train_dataloader': {'sampler': {'type': 'CDBSampler', **options}}}


def hook(**options):
    return {'custom_hooks': [{'type': HOOK, **options}]}


def saved_by(key):
    return {'default_hooks': {'checkpoint': {'save_best': key}}}


def clips(ann_file='good.txt', kind='VideoListDataset', **options):
    """Clips of a list, to train on."""
    dataset = {
        '_delete_': True,
        'type': kind,
        'ann_file': ann_file,
        'classes': 'classes.txt',
        'pipeline': [],
        **options,
    }
    dataset.setdefault('data_prefix', {'video': 'videos'})
    return {'train_dataloader': {'dataset': dataset}}


ERRORS = {
    # Names and options
    'a misspelt loss': (loss(type='CDBLos'), "type='CDBLos': there is no model .* did you mean 'CDBLoss'"),
    'a misspelt hook': (hook(type='ClassDifficultHook'), "'ClassDifficultHook': there is no hook .* mean '" + HOOK),
    'a misspelt sampler': (sampler(type='CDBsampler'), "'CDBsampler': there is no data sampler .* mean 'CDBSampler'"),
    'a misspelt metric': (
        {'val_evaluator': {'type': 'ClassAcuracy'}},
        "'ClassAcuracy': .* did you mean 'ClassAccuracy'",
    ),
    'a misspelt dataset': (clips(kind='VideoListDatset'), "'VideoListDatset': .* did you mean 'VideoListDataset'"),
    'a loss as the sampler': (
        sampler(type='CDBLoss'),
        "'CDBLoss' is of the registry 'model', .* takes one of 'data sampler': write",
    ),
    'a misspelt option of the loss': (loss(taus=1), "CDBLoss has no option 'taus'; did you mean 'tau'.* reduction,"),
    'a misspelt option of the sampler': (sampler(taus=1), "CDBSampler has no option 'taus'; .*'tau'.* num_samples,"),
    'a misspelt option of the hook': (hook(momentun=0.8), f"{HOOK} has no option 'momentun'; .*'momentum'.* source"),
    'a misspelt option of the metric': (
        {'val_evaluator': {'type': 'ClassAccuracy', 'top_k': 1}},
        "ClassAccuracy has no option 'top_k'; did you mean 'topk'",
    ),
    'a misspelt option of the dataset': (
        clips(class_names='c'),
        "VideoListDataset has no option 'class_names'.*classes",
    ),
    # Values
    'a negative tau': (loss(tau=-1), 'tau=-1: must be a finite number >= 0 .*are usual'),
    'a misspelt tau': (sampler(tau='dynamc'), "tau='dynamc': must be a number >= 0 or one of 'dynamic'"),
    'a misspelt reduction': (loss(reduction='avg'), "reduction='avg': must be .*'mean'"),
    'a momentum of 1': (hook(momentum=1), r'momentum=1: must be in \[0, 1\) \(0 = off'),
    'text in the place of a flag': (hook(observe_only='False'), "observe_only='False': must be True or False"),
    'a misspelt source': (hook(source='trian'), "source='trian': must be 'val' or 'train'"),
    'no k at all': ({'val_evaluator': {'topk': ()}}, r'topk=\(\): must be one or more whole numbers >= 1'),
    'a sampler in fixed order': (
        sampler(shuffle=False),
        'shuffle=False: CDBSampler draws at random; use DefaultSampler',
    ),
    # Parts that do not go together
    'a forgotten hook': ({'custom_hooks': []}, f'CDBLoss and CDBSampler would be handed no .*custom_hooks=.*{HOOK}'),
    'a prior without a hook': (
        {'custom_hooks': [], 'model': {'loss_cls': BALANCED}, 'train_dataloader': {'sampler': {'tau': 0}}},
        'CDBLoss .*class frequencies.*' + HOOK,
    ),
    'a hook with neither loss nor sampler': (
        {'model': {'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}}}
        | sampler(_delete_=True, type='DefaultSampler', shuffle=True),
        f'{HOOK} found nothing to hand the difficulty to: add .*observe_only=True',
    ),
    'two hooks': (
        {'custom_hooks': [{'type': HOOK}, {'type': HOOK}]},
        f'custom_hooks holds {HOOK} and {HOOK}, .*: keep one',
    ),
    'no ClassAccuracy': (
        {'val_evaluator': {'type': 'ToyMetric'}},
        'no ClassAccuracy in val_evaluator: set val_evaluator',
    ),
    'no validation': (
        {'val_dataloader': ..., 'val_cfg': ..., 'val_evaluator': ..., **saved_by(None)},
        f'{HOOK} needs a validation .*: set val_dataloader',
    ),
    'a validation after the end': ({'train_cfg': {'val_begin': 9}}, 'let val_begin be at most the length of training'),
    'no epoch': ({'train_cfg': {'max_epochs': 0}}, r'train_cfg: max_epochs=0: must be a whole number of at least 1'),
    'a sampler without end, by epoch': (sampler(infinite=True), 'infinite=True.*would never end. Remove'),
    'a history that is not there': (
        {'custom_hooks': [{'type': 'DifficultyReplayHook', 'history': 'no/class_history.jsonl'}]},
        f'no/{HISTORY_NAME}',
    ),
    'a misspelt key of the best': (saved_by('acc/meen1'), "save_best .*='acc/meen1': .*it returns .*acc/mean1"),
    'a best of five of four classes': (
        saved_by('acc/top5'),
        "save_best .*='acc/top5': .*it returns acc/top1, acc/mean1",
    ),
    'a best that cannot change': (
        {'val_evaluator': {'topk': (1, 5)}, **saved_by('acc/top5')},
        "save_best .*='acc/top5': it is 1 whatever .* acc/mean1",
    ),
    'a misspelt monitor': (
        {'custom_hooks': [{'type': HOOK}, {'type': 'EarlyStoppingHook', 'monitor': 'acc/top'}]},
        "monitor of EarlyStoppingHook='acc/top': .*it returns acc/top1",
    ),
    # Numbers of classes, and labels
    'a head with too many classes': (
        {'model': {'num_classes': 5}},
        r'numbers of classes differ: cls_head \(ToyHead\): 5; class list .*: 4. Set num_classes of the head',
    ),
    'a metric with too few classes': ({'val_evaluator': {'num_classes': 3}}, r'differ: .*\(ClassAccuracy\): 3'),
    'names of too few classes': ({'val_evaluator': {'class_names': ['a', 'b']}}, 'differ: .*class_names of val_.*: 2'),
    'a class without training clips': (
        {'train_dataloader': {'dataset': {'counts': [40, 20, 10, 0]}}},
        '1 of 4 classes has no clip in ToyDataset: spread. Remove .*allow_empty=True',
    ),
    'no validation clips': (
        {'val_dataloader': {'dataset': {'counts': [], 'serialize_data': False}}},
        'ToyDataset is empty: check its ann_file',
    ),
    'labels from 1': (clips('from_one.txt'), r'from_one.txt:7: .*label 4 is outside 0..3, .*Labels count from 0'),
    'labels from 1 without names': (
        clips('from_one.txt', classes=None) | {'val_dataloader': {'dataset': {'classes': None}}},
        '1 of 5 classes has no clip in .*from_one.txt.*do the labels not count from 0',
    ),
    # Files
    'a list that is not there': (clips('no.txt'), "ann_file='.*no.txt': there is no such file.* Set ann_file"),
    'a list of frames for videos': (clips('frames.txt'), 'frames.txt:1: .*ends in a blank and a number. Name a list'),
    'a list without labels': (
        clips('no_label.txt'),
        'no_label.txt:1: .*1 parts, expected 2. Write <video file> <label>',
    ),
    'a CSV for a list': (clips('comma.csv'), 'comma.csv:1: .*1 parts, expected 2. Write <video file> <label>'),
    'a clip listed twice': (clips('twice.txt'), 'twice.txt:2: .*in line 1 already, .*Keep the one line'),
    'a list without a line': (clips('nothing.txt'), 'nothing.txt: the file holds no entry. Build it anew'),
    'videos that are not there': (clips('elsewhere.txt'), r'1 of the 1 clips .*9/0.mp4 \(missing\).*check data_root'),
    'a folder that is not there': (
        clips(data_prefix={'video': 'film'}),
        r'8 of the 8 clips .*film \(no such folder\): .*check data_root and data_prefix',
    ),
    'a folder under another key': (
        clips(data_prefix={'img': 'videos'}),
        r'needs the folder .* data_prefix=dict\(video=',
    ),
    'an absolute path': (clips('absolute.txt'), "path '/videos/0.mp4' is absolute. Write .*allow_absolute=True"),
    'class names that are not there': (
        clips(classes='no.txt'),
        "classes='.*no.txt': there is no such file.* Set classes",
    ),
    'a class named twice': (clips(classes='double.txt'), "double.txt:3: 'b': .*in line 2 already. Give every class"),
    'a blank line among the classes': (clips(classes='gap.txt'), 'gap.txt:2: .*a blank line .*Remove it'),
    'a class that is not named': (clips(classes='short.txt'), 'label 3 is outside 0..2, the 3 classes. Labels count'),
    # Said by mmengine and torch
    'shuffle beside a sampler': (
        {'train_dataloader': {'shuffle': True}},
        'sampler option is mutually exclusive with shuffle',
    ),
    'batches of nothing': ({'train_dataloader': {'batch_size': 0}}, 'batch_size should be a positive integer.*=0'),
    'a negative learning rate': ({'optim_wrapper': {'optimizer': {'lr': -0.1}}}, 'Invalid learning rate: -0.1'),
    'a checkpoint that is not there': ({'load_from': 'no.pth'}, r'no\.pth can not be found'),
    'a resume from nothing': ({'resume': True, 'load_from': 'no.pth'}, r'no\.pth can not be found'),
}
WARNINGS = {
    'a class without validation clips': (
        {'val_dataloader': {'dataset': {'counts': [9, 8, 7, 0]}}},
        r'1 of 4 classes \(spread\) has no validation clips: .*Move some',
    ),
    'a class to validate alone': (
        {'train_dataloader': {'dataset': {'counts': [9, 0, 7, 6]}, 'sampler': {'allow_empty': True}}},
        r'1 of 4 classes \(cut\) has no training clips, .*take the classes out',
    ),
    'five best of four classes': (
        {'val_evaluator': {'topk': (1, 5)}},
        r'topk=\(1, 5\) .*with 4 classes acc/top5 is 1 whatever .*topk=\(1,\)',
    ),
    'a validation at the end alone': (
        {'train_cfg': {'val_interval': 5}},
        r'the only validation is at the end .*val_interval=5, 3 epochs.*validate earlier',
    ),
    'a hook that only observes': (hook(observe_only=True), 'observe_only=True: CDBLoss, CDBSampler will be handed no'),
    'labels from 1, and a head for them': (
        {
            'model': {'num_classes': 5},
            'val_dataloader': {'dataset': {'classes': None, 'counts': [0, 9, 8, 7, 6]}},
            'train_dataloader': {
                'dataset': {'classes': None, 'counts': [0, 40, 20, 10, 5]},
                'sampler': {'allow_empty': True},
            },
        },
        '1 of 5 classes have neither training nor validation clips, the first is 0: do the labels .* from 1',
    ),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Lists, good and bad, and files that pass for videos."""
    folder = tmp_path_factory.mktemp('data')
    for name, content in LISTS.items():
        (folder / name).write_text(content)
    for label in range(4):
        (folder / f'videos/{label}').mkdir(parents=True)
        for number in range(2):
            (folder / f'videos/{label}/{number}.mp4').write_bytes(b'.')
    return folder


@pytest.fixture(scope='module', autouse=True)
def _quick_start():
    """Without what takes mmengine most of a start: asking for compilers, formatting the config, collecting garbage."""
    with (
        mock.patch('mmengine.runner.runner.collect_env', return_value={}),
        mock.patch.object(Config, 'pretty_text', ''),
        mock.patch('mmengine.dataset.base_dataset.gc.collect'),
    ):
        yield


def runner_of(changes, folder, tmp_path):
    dataset = changes.get('train_dataloader', {}).get('dataset', {})
    if 'ann_file' in dataset:
        changes = changes | {'train_dataloader': {'dataset': dataset | {'data_root': str(folder)}}}
    return make_runner(tmp_path, uuid.uuid4().hex, **changes)


def start(changes, folder, tmp_path):
    runner_of(changes, folder, tmp_path).train()


@pytest.mark.parametrize('mistake', ERRORS)
def test_a_mistake_is_an_error_before_the_first_step(mistake, folder, tmp_path, monkeypatch):
    # Toys stand for models of a host, which hand on no difficulty.
    monkeypatch.setattr(parts, '_KNOWN', (*parts._KNOWN, 'tests'))
    changes, said = ERRORS[mistake]
    with (
        mock.patch.object(ToyModel, 'forward', side_effect=AssertionError('a step was made')) as step,
        pytest.raises((KeyError, OSError, TypeError, ValueError), match=f'(?s){said}'),
    ):
        start(changes, folder, tmp_path)
    assert step.call_count == 0


@pytest.mark.parametrize('mistake', WARNINGS)
def test_what_may_be_meant_is_a_warning_before_the_first_step(mistake, folder, tmp_path):
    changes, said = WARNINGS[mistake]
    runner = runner_of(changes, folder, tmp_path)
    with mock.patch.object(runner.logger, 'warning') as warning:
        _ = runner.train_loop, runner.val_loop
        runner.call_hook('before_train')
    assert re.search(said, '\n'.join(str(call.args[0]) for call in warning.call_args_list))
    assert runner.model.batches == []


def test_a_misspelt_import_is_named_when_the_config_is_read(tmp_path):
    (tmp_path / 'config.py').write_text("custom_imports = dict(imports=['cdb_vidoe'], allow_failed_imports=False)\n")
    with pytest.raises(ImportError, match='cdb_vidoe'):
        Config.fromfile(str(tmp_path / 'config.py'))
