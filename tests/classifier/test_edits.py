"""Tau-normalisation and logit adjustment after training: the formulas, the command, and what a test then gives."""

import copy
import datetime
import io
import math
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import runner
from mmengine.config import Config

from cdb_video.classifier.edits import adjust_bias, edited, normalize_rows
from cdb_video.commands.edit_classifier import main
from tests.support.marks import needs_safe_loading
from tests.support.runs import BASE, make_runner, merged

COUNTS = [40, 20, 10, 5]
OBSERVED = {
    'model': {'loss_cls': {'_delete_': True, 'type': 'PlainLoss'}},
    'train_dataloader': {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}},
    'custom_hooks': [{'type': 'ClassDifficultyHook', 'observe_only': True}],
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config and checkpoint of a run with plain cross-entropy."""
    folder = tmp_path_factory.mktemp('first')
    settings = merged(BASE, {**copy.deepcopy(OBSERVED), 'experiment_name': uuid.uuid4().hex, 'work_dir': str(folder)})
    Config(settings).dump(folder / 'config.py')
    from mmengine.runner import Runner

    Runner.from_cfg(Config(settings)).train()
    return folder / 'config.py', folder / 'epoch_3.pth'


def validation_scores(weights, change):
    """Scores of the toy validation set in plain loops, and its labels."""
    from tests.support.toys import ToyDataset

    data = ToyDataset([9, 8, 7, 6], seed=1)
    rows, bias = (weights[f'cls_head.fc.{name}'].tolist() for name in ('weight', 'bias'))
    scores = []
    for feature in data.features.tolist():
        scores.append([sum(w * x for w, x in zip(row, feature, strict=True)) for row in rows])
    return [change(row, rows, bias) for row in scores], data.labels


def mean_class_accuracy(scores, labels):
    hits = np.argmax(scores, axis=1) == labels
    return np.mean([hits[labels == c].mean() for c in range(4)])


def tau_normed(tau):
    return lambda row, rows, bias: [s / math.hypot(*w) ** tau for s, w in zip(row, rows, strict=True)]


def adjusted(strength):
    return lambda row, rows, bias: [
        s + b - strength * math.log(n / 75) for s, b, n in zip(row, bias, COUNTS, strict=True)
    ]


def test_rows_are_divided_by_their_length_to_the_power_tau():
    layer = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([1.0, 2.0])
    half = [[3 / 5**0.5, 4 / 5**0.5], [0, 2**0.5]]
    for tau, expected in ((0, [[3, 4], [0, 2]]), (1, [[0.6, 0.8], [0, 1]]), (0.5, half)):
        weight, bias = normalize_rows(layer, tau, {})
        torch.testing.assert_close(weight, torch.tensor(expected, dtype=torch.float32))
        assert bias.tolist() == [0, 0]


@pytest.mark.parametrize('kind', ['tau-norm', 'adjust-logits'])
def test_command_validates_every_value_and_writes_the_first_best(kind, trained, tmp_path, capsys):
    config, checkpoint = trained
    values = [0, 0.25, 0.5, 1, 2]
    options = ['--layer', 'cls_head.fc', '--values', *map(str, values)]
    out = tmp_path / 'edited.pth'
    assert main([kind, str(config), str(checkpoint), str(out), *options]) == 0
    first = torch.load(checkpoint)
    change = tau_normed if kind == 'tau-norm' else adjusted
    expected = [mean_class_accuracy(*validation_scores(first['state_dict'], change(value))) for value in values]
    assert len(set(expected)) > 1
    printed = capsys.readouterr().out
    table = [line.split('|')[1:3] for line in printed.splitlines() if line.startswith('| ')][1:]
    rows = [[float(cell) for cell in row] for row in table]
    np.testing.assert_allclose(rows, np.transpose([values, expected]), atol=6e-5)
    best = values[int(np.argmax(expected))]
    written = torch.load(out)
    assert written['classifier_edit'] == {'kind': kind, 'value': best, 'layer': 'cls_head.fc'}
    again = edited(first, kind, best, 'cls_head.fc')
    for name, weight in again['state_dict'].items():
        assert torch.equal(written['state_dict'][name], weight)
    assert 'optimizer' not in written


@pytest.mark.parametrize(('kind', 'change'), [('tau-norm', tau_normed(0.5)), ('adjust-logits', adjusted(1))])
def test_edited_checkpoint_is_tested_as_any_other(kind, change, trained, tmp_path):
    config, checkpoint = trained
    out = tmp_path / 'edited.pth'
    value = '0.5' if kind == 'tau-norm' else '1'
    options = ['--layer', 'cls_head.fc', '--values', value]
    assert main([kind, str(config), str(checkpoint), str(out), *options]) == 0
    runner = make_runner(
        tmp_path,
        uuid.uuid4().hex,
        **copy.deepcopy(OBSERVED),
        test_dataloader=BASE['val_dataloader'],
        test_cfg={},
        test_evaluator={'type': 'ClassAccuracy'},
        load_from=str(out),
    )
    results = runner.test()
    expected = mean_class_accuracy(*validation_scores(torch.load(checkpoint)['state_dict'], change))
    np.testing.assert_allclose(results['acc/mean1'], expected)
    # The groups by shot need the training counts, which came along.
    assert 'acc/few_shot' in results


def test_adjustment_by_nothing_leaves_the_classifier_as_it_was(trained):
    first = torch.load(trained[1])
    same = edited(first, 'adjust-logits', 0, 'cls_head.fc')
    assert all(torch.equal(first['state_dict'][name], weight) for name, weight in same['state_dict'].items())


def test_what_cannot_be_edited_is_refused_and_nothing_is_written(trained, tmp_path, capsys, monkeypatch):
    config, checkpoint = map(str, trained)
    out = str(tmp_path / 'edited.pth')
    fc = ['--layer', 'cls_head.fc']
    first = torch.load(checkpoint)
    for name, change in (
        ('no_counts', lambda c: c.pop('class_difficulty')),
        ('no_bias', lambda c: c['state_dict'].pop('cls_head.fc.bias')),
        ('twice', lambda c: c.update(classifier_edit={'kind': 'tau-norm'})),
        ('zero', lambda c: c['state_dict']['cls_head.fc.weight'][1].zero_()),
    ):
        broken = torch.load(checkpoint)
        change(broken)
        torch.save(broken, tmp_path / f'{name}.pth')
    cases = [
        (['adjust-logits', config, str(tmp_path / 'no_counts.pth'), out, *fc], 'has no training counts'),
        (['adjust-logits', config, str(tmp_path / 'no_bias.pth'), out, *fc], 'no bias to adjust'),
        (['adjust-logits', config, checkpoint, out, '--values', '-1', *fc], 't=-1'),
        (['tau-norm', config, str(tmp_path / 'twice.pth'), out, *fc], 'was edited already'),
        (['tau-norm', config, str(tmp_path / 'zero.pth'), out, *fc], 'row 1 of the classifier is 0'),
        (['tau-norm', config, checkpoint, out], "no linear layer 'cls_head.fc_cls'"),
        (['tau-norm', config, checkpoint, out, '--values', '-0.5', *fc], 'tau=-0.5'),
        (
            ['tau-norm', config, checkpoint, out, '--metric', 'acc/x', *fc],
            '--metric acc/x: the validation has no such result, perhaps acc/',
        ),
        (['tau-norm', config, str(tmp_path / 'none.pth'), out, *fc], 'none.pth'),
    ]
    monkeypatch.setattr(
        runner.TestLoop, 'run', lambda loop: pytest.fail('nothing is run for an error that can be known')
    )
    for arguments, message in cases:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
        assert not Path(out).exists()
    assert first['state_dict'].keys() == torch.load(checkpoint)['state_dict'].keys()


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('torn', lambda whole: whole[:1000], 'torn.pth cannot be read as a checkpoint'),
        ('text', lambda whole: b'_base_', r'text.pth cannot be read as a checkpoint (UnpicklingError: Unsupported'),
        ('empty', lambda whole: b'', 'empty.pth cannot be read as a checkpoint'),
        ('weights', lambda whole: packed({'fc.weight': torch.ones(2, 2)}), 'weights.pth is no checkpoint of mmengine'),
        ('listed', lambda whole: packed([1, 2]), 'listed.pth is no checkpoint of mmengine'),
    ],
)
def test_what_is_no_checkpoint_is_refused_by_name(name, content, message, trained, tmp_path, capsys):
    config, checkpoint = trained
    path, out = tmp_path / f'{name}.pth', tmp_path / 'edited.pth'
    path.write_bytes(content(Path(checkpoint).read_bytes()))
    assert main(['tau-norm', str(config), str(path), str(out), '--values', '1']) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@needs_safe_loading
def test_what_torch_refuses_is_named_without_its_advice(trained, tmp_path, capsys):
    path = tmp_path / 'strange.pth'
    path.write_bytes(packed({'state_dict': {}, 'meta': datetime.datetime(2026, 1, 1)}))
    assert main(['tau-norm', str(trained[0]), str(path), str(tmp_path / 'o.pth'), '--values', '1']) == 2
    said = capsys.readouterr().err
    assert 'Unsupported global: GLOBAL datetime.datetime' in said
    assert 'you have two options' not in said
    assert '\x1b' not in said


def packed(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_checkpoint_is_not_written_over_by_its_edit(trained, tmp_path, capsys):
    config, checkpoint = trained
    path = tmp_path / 'first.pth'
    path.write_bytes(Path(checkpoint).read_bytes())
    same = str(tmp_path / 'folder' / '..' / 'first.pth')
    (tmp_path / 'folder').mkdir()
    options = ['--layer', 'cls_head.fc', '--values', '1']
    assert main(['tau-norm', str(config), str(path), same, *options]) == 2
    assert 'OUT is CHECKPOINT' in capsys.readouterr().err
    assert path.read_bytes() == Path(checkpoint).read_bytes()


def test_config_without_a_validation_is_refused_where_one_is_needed(trained, tmp_path, capsys):
    (tmp_path / 'empty.py').write_text('')
    arguments = ['tau-norm', str(tmp_path / 'empty.py'), str(trained[1]), str(tmp_path / 'o.pth')]
    assert main([*arguments, '--layer', 'cls_head.fc']) == 2
    assert 'has no model, val_dataloader, val_evaluator' in capsys.readouterr().err


def test_counts_of_other_classes_are_refused(trained):
    first = torch.load(trained[1])
    layer = torch.zeros(3, 2), torch.zeros(3)
    with pytest.raises(ValueError, match='training counts of 4 classes, its classifier 3'):
        adjust_bias(layer, 1.0, first)
