"""The commands of `cdb-video` on images: train, test, report, predict, edit-classifier and cross-fit."""

import csv
import json
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config

from cdb_video.commands import edit_classifier, predict, report, test, train
from cdb_video.difficulty.history import read_history
from cdb_video.report.sources.dump import read_dump
from tests.support.images import CLASSES, COUNTS, image_config, make_images

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings('ignore:.pin_memory. argument is set as true')]


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Images, a config, and the work directory of a training that it was tested in; only to be read."""
    root = tmp_path_factory.mktemp('images')
    make_images(root / 'data')
    Config(image_config(root / 'data')).dump(root / 'tiny.py')
    assert train.main([str(root / 'tiny.py'), '--seed', '5', '--work-dir', str(root / 'run')]) == 0
    best = next((root / 'run').glob('best_*.pth'))
    options = ['--work-dir', str(root / 'run'), '--dump', str(root / 'run/predictions.pkl')]
    options += ['--cfg-options', 'experiment_name=test']
    assert test.main([str(root / 'tiny.py'), str(best), *options]) == 0
    return root


def test_a_training_measures_records_and_reports_with_the_seed_of_the_command(place):
    history = read_history(place / 'run/class_history.jsonl')
    assert history.header.class_names == CLASSES
    assert history.header.train_counts == list(COUNTS['train'])
    assert [record.epoch for record in history.records] == [1, 2]
    # The test that followed has a config of its own beside that of the training.
    assert any('seed=5' in path.read_text() for path in (place / 'run').glob('*/vis_data/config.py'))
    assert (place / 'run/report.html').is_file()


def test_a_dump_names_its_images_and_the_report_shows_one_picture_of_each_mistake(place, capsys):
    dump = read_dump(place / 'run/predictions.pkl')
    assert dump.labels.tolist() == [label for label, number in enumerate(COUNTS['val']) for _ in range(number)]
    assert dump.distinct_names[:2] == ('ant_0', 'ant_1')
    assert report.main([str(place / 'run')]) == 0
    page = (place / 'run/report.html').read_text()
    mistakes = int((dump.predicted != dump.labels).sum())
    assert mistakes
    assert page.count('data:image/jpeg;base64,') == mistakes
    assert 'does not name every' not in page
    assert 'No frames' not in page


def test_out_is_the_host_s_own_word_for_a_dump_and_metrics_are_written_too(place, tmp_path):
    best = str(next((place / 'run').glob('best_*.pth')))
    words = [str(place / 'tiny.py'), best, '--work-dir', str(tmp_path), '--out']
    assert test.main([*words, str(tmp_path / 'own.pkl'), '--out-item', 'pred']) == 0
    own, first = read_dump(tmp_path / 'own.pkl'), read_dump(place / 'run/predictions.pkl')
    assert own.paths == first.paths
    assert (own.scores == first.scores).all()
    # mmengine names runs by the second, and takes two of one second for one.
    named = ['--cfg-options', 'experiment_name=metrics']
    assert test.main([*words, str(tmp_path / 'metrics.json'), '--out-item', 'metrics', *named]) == 0
    found = json.loads((tmp_path / 'metrics.json').read_text())
    assert found['acc/top1'] == (first.predicted == first.labels).mean()


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--out-item', 'pred'], '--out-item pred needs --out FILE'),
        (['--dump', 'a.txt'], '--dump a.txt: a dump of predictions must end in .pkl or .pickle'),
        (['--dump', 'a.pkl', '--out', 'b.pkl'], 'both dump the predictions: give one of them'),
    ],
)
def test_words_of_a_dump_that_contradict_are_refused(place, capsys, words, said):
    assert test.main([str(place / 'tiny.py'), 'any.pth', *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize('seed', ['-1', 'x', str(2**32)])
def test_a_seed_that_is_none_is_refused(place, capsys, seed):
    assert train.main([str(place / 'tiny.py'), f'--seed={seed}']) == 2
    assert f'--seed {seed}: must be' in capsys.readouterr().err


def test_a_model_predicts_images_as_its_test_did_and_names_those_it_cannot_read(place, tmp_path, capsys):
    folder = tmp_path / 'new'
    folder.mkdir()
    first = place / 'data/val/ant/ant_0.png'
    (folder / 'a.png').write_bytes(first.read_bytes())
    (folder / 'cut.png').write_bytes(first.read_bytes()[:60])
    (folder / 'empty.png').touch()
    (folder / 'notes.md').touch()
    out = tmp_path / 'found.csv'
    assert predict.main([str(place / 'run'), str(folder), '--out', str(out), '--device', 'cpu']) == 1
    rows = list(csv.DictReader(out.read_text().splitlines()))
    dump = read_dump(place / 'run/predictions.pkl')
    scores = {row['class']: float(row['score']) for row in rows if row['path'].endswith('a.png')}
    for name, score in zip(CLASSES, dump.scores[0], strict=True):
        assert scores[name] == pytest.approx(float(score), abs=1e-6)
    errors = {row['path'].rpartition('/')[2]: row['error'] for row in rows if row['error']}
    assert set(errors) == {'cut.png', 'empty.png'}
    assert errors['cut.png'].startswith('is cut off. Mend or replace the file')
    assert 'other endings than those of images' in capsys.readouterr().err
    words = [str(place / 'run'), str(place / 'data/val.txt'), '--root', str(place / 'data/val'), '--device', 'cpu']
    assert predict.main(words) == 0
    right = int((dump.predicted == dump.labels).sum())
    assert f'{right} of {len(dump.labels)} have the class of the list first' in capsys.readouterr().out


def test_windows_are_of_videos(place, capsys):
    assert predict.main([str(place / 'run'), str(place / 'data/val/ant/ant_0.png'), '--window', '2']) == 2
    assert 'was trained on images' in capsys.readouterr().err


def test_a_set_of_one_archive_reads_files_as_it_keeps_its_own(place):
    import cv2

    from cdb_video.inference.image_reading import ImagePipeline

    def pack(sample):
        return {'inputs': sample['img']}

    path = str(place / 'data/val/ant/ant_0.png')
    bgr = cv2.imread(path)
    assert (ImagePipeline([pack]).read(path).packed['inputs'] == bgr[..., ::-1]).all()
    assert ImagePipeline([pack], channels=1).read(path).packed['inputs'].shape == bgr.shape[:2]


def test_the_classifier_is_found_and_edited(place, tmp_path):
    checkpoint, out = next((place / 'run').glob('best_*.pth')), tmp_path / 'edited.pth'
    words = [str(place / 'tiny.py'), str(checkpoint), str(out)]
    assert edit_classifier.main(['tau-norm', *words, '--values', '1']) == 0
    made = torch.load(out, weights_only=False)
    assert made['classifier_edit']['layer'] == 'head.fc'
    lengths = made['state_dict']['head.fc.weight'].norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(len(CLASSES)))
    assert edit_classifier.main(['balance-classes', *words, '--aim', 'mean']) == 0


def test_the_second_stage_trains_the_last_layer_alone_on_the_features_of_the_first(place, tmp_path):
    first = next((place / 'run').glob('best_*.pth'))
    settings = image_config(place / 'data', load_from=str(first))
    settings['model'] |= {'type': 'FrozenFeatures', 'recognizer': 'ImageClassifier'}
    settings['custom_hooks'].append({'type': 'SecondStageHook', 'new_classifier': True})
    Config(settings).dump(tmp_path / 'crt.py')
    assert train.main([str(tmp_path / 'crt.py'), '--seed', '0', '--work-dir', str(tmp_path / 'run')]) == 0
    before = torch.load(first, weights_only=False)['state_dict']
    after = torch.load(tmp_path / 'run/epoch_2.pth', weights_only=False)['state_dict']
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {'head.fc.weight', 'head.fc.bias'}


def test_training_measures_itself_without_a_validation(place, tmp_path):
    settings = image_config(place / 'data', val_dataloader=..., val_cfg=..., val_evaluator=...)
    settings['custom_hooks'] = [{'type': 'ClassDifficultyHook', 'source': 'train'}]
    settings['default_hooks']['checkpoint'] = {'type': 'CheckpointHook', 'interval': 2}
    Config(settings).dump(tmp_path / 'alone.py')
    assert train.main([str(tmp_path / 'alone.py'), '--work-dir', str(tmp_path / 'run')]) == 0
    records = read_history(tmp_path / 'run/class_history.jsonl').records
    assert [(record.source, record.num_clips) for record in records] == 2 * [('train', list(COUNTS['train']))]


def test_a_resumed_training_equals_an_undisturbed_one(place, tmp_path):
    words = ['--seed', '5', '--work-dir', str(tmp_path / 'run')]
    Config(image_config(place / 'data', train_cfg={'max_epochs': 1})).dump(tmp_path / 'short.py')
    assert train.main([str(tmp_path / 'short.py'), *words]) == 0
    assert train.main([str(place / 'tiny.py'), *words, '--resume']) == 0
    once, resumed = (
        torch.load(folder / 'epoch_2.pth', weights_only=False)['state_dict']
        for folder in (place / 'run', tmp_path / 'run')
    )
    for name, value in once.items():
        assert torch.equal(value, resumed[name]), name


@pytest.mark.slow
def test_cross_fit_scores_every_training_image_by_a_model_that_never_saw_it(place, tmp_path):
    loss = {'type': 'CDBLoss', 'tau': 0, 'logit_adjustment': 1.0}
    settings = image_config(place / 'data', model={'head': {'loss': loss}}, train_cfg={'max_epochs': 1})
    Config(settings).dump(tmp_path / 'bs.py')
    words = ['cross-fit', str(tmp_path / 'bs.py'), '--folds', '2', '--work-dir', str(tmp_path / 'folds')]
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'cdb_video_command', *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'model = dict(head=dict(loss=dict(' in done.stdout
    dump = read_dump(tmp_path / 'folds/predictions.pkl')
    assert sorted(dump.labels.tolist()) == [c for c, number in enumerate(COUNTS['train']) for _ in range(number)]
    assert len(set(dump.paths)) == sum(COUNTS['train'])


def test_without_balanced_softmax_cross_fit_names_the_line_of_the_host(place, tmp_path):
    from cdb_video.cross_fit.configs import check_config

    with pytest.raises(ValueError, match=r'Set model = dict\(head=dict\(loss=dict\('):
        check_config(Config.fromfile(place / 'tiny.py'), 'tiny.py')
