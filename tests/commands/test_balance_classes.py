"""edit-classifier balance-classes: the checkpoint that it writes, what it says, and what it refuses."""

import copy
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

from cdb_video.classifier import class_bias_fit
from cdb_video.classifier.class_bias import fit_class_bias
from cdb_video.classifier.edits import read_checkpoint
from cdb_video.classifier.heads import NormalizedLinear, ScaledLinear
from cdb_video.commands import balance_classes
from cdb_video.commands.edit_classifier import main
from tests.support.runs import BASE, merged
from tests.support.toys import CLASS_NAMES, ToyDataset, ToyModel

LAYER = 'cls_head.fc'
COUNTS = [9, 8, 7, 6]
WEIGHT = [[1.5, 0.2], [0.1, 1.2], [-1.3, 0.3], [0.2, -1.0]]
BIAS = [2.0, 0.5, -0.5, -1.0]
FEW = 'under 5 validation clips'


@MODELS.register_module(force=True)
class LayerModel(ToyModel):
    """A toy with another last layer, or with one layer before it that has as many rows."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.before = nn.Linear(2, 4) if layer == 'two' else None
        kinds = {'scaled': ScaledLinear(2, 4), 'cosine': NormalizedLinear(2, 4, 5.0), 'two': nn.Linear(4, 4)}
        self.cls_head.fc = kinds[layer]

    def forward(self, inputs, label, mode='tensor'):
        inputs = torch.stack(list(inputs))
        return super().forward(inputs if self.before is None else self.before(inputs).relu(), label, mode)


class TwoViewHead(nn.Module):
    """Scores of a clip and of what it looks like from behind."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 4)

    def forward(self, features):
        return self.fc(torch.stack([features, -features], 1).flatten(0, 1))


@MODELS.register_module(force=True)
class TwoViewModel(ToyModel):
    """Averages the probabilities of two views of each clip."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.cls_head = TwoViewHead()

    def forward(self, inputs, label, mode='tensor'):
        scores = self.cls_head(torch.stack(list(inputs))).softmax(1).view(len(inputs), 2, 4).mean(1)
        return [{'pred_score': s, 'gt_label': y} for s, y in zip(scores, label, strict=True)]


@MODELS.register_module(force=True)
class ScoreModel(ToyModel):
    """Answers with scores that are no probabilities."""

    def forward(self, inputs, label, mode='tensor'):
        scores = self.cls_head.fc(torch.stack(list(inputs)))
        return [{'pred_score': s, 'gt_label': y} for s, y in zip(scores, label, strict=True)]


@MODELS.register_module(force=True)
class NamingModel(ToyModel):
    """Names its clips by what they hold."""

    def __init__(self, prefix, **kwargs):
        super().__init__(**kwargs)
        self.prefix = prefix

    def forward(self, inputs, label, mode='tensor'):
        answers = super().forward(inputs, label, mode)
        return [{**a, 'filename': f'{self.prefix}{float(x[0])}.mp4'} for a, x in zip(answers, inputs, strict=True)]


def config_in(folder, counts=COUNTS, model=None, name='config'):
    """The path of a config whose validation set has so many clips of the classes."""
    changes = {'val_dataloader': {'dataset': {'counts': counts}}, 'work_dir': str(folder)}
    settings = merged(BASE, changes | ({'model': {'_delete_': True, **model}} if model else {}))
    Config(settings).dump(folder / f'{name}.py')
    return folder / f'{name}.py'


def checkpoint_in(folder, model=None, bias=BIAS, name='first', **more):
    """The path of a checkpoint of a model whose classifier has the weights above, where it is of that shape."""
    built = MODELS.build({'type': 'ToyModel', 'loss_cls': {'type': 'CDBLoss'}} if model is None else dict(model))
    with torch.no_grad():
        layer = built.cls_head.fc
        if layer.weight.shape == (4, 2):
            layer.weight.copy_(torch.tensor(WEIGHT))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(bias))
    torch.save(
        {'state_dict': built.state_dict(), 'meta': {'epoch': 3}, 'optimizer': {}, **more}, folder / f'{name}.pth'
    )
    return folder / f'{name}.pth'


def dumped(config, checkpoint, path):
    """What a model answers to the validation set of a config, in a file as `cdb-video test --dump` writes it."""
    settings = Config.fromfile(config)
    settings.update(
        test_dataloader=settings.val_dataloader,
        test_evaluator={'type': 'DumpResults', 'out_file_path': str(path)},
        test_cfg={},
        load_from=str(checkpoint),
        custom_hooks=[],
        experiment_name=uuid.uuid4().hex,
    )
    Runner.from_cfg(settings).test()
    return path


def scores_in_loops(counts=COUNTS):
    """Scores of the clips by plain arithmetic, and their labels."""
    data = ToyDataset(counts, seed=1)
    scores = [
        [row[0] * x[0] + row[1] * x[1] + b for row, b in zip(WEIGHT, BIAS, strict=True)]
        for x in data.features.astype(float)
    ]
    return np.array(scores), data.labels


def softmax(scores):
    powers = np.exp(scores)
    return powers / powers.sum(1, keepdims=True)


def run(config, checkpoint, out, *options, layer=LAYER):
    return main(['balance-classes', str(config), str(checkpoint), str(out), '--layer', layer, *map(str, options)])


@pytest.mark.parametrize('aim', ['mean', 'worst'])
@pytest.mark.parametrize('stored', [False, True])
def test_written_checkpoint_adds_the_fitted_bias_and_answers_as_predicted(aim, stored, tmp_path, capsys):
    config, first, out = config_in(tmp_path), checkpoint_in(tmp_path), tmp_path / 'balanced.pth'
    before = first.read_bytes()
    predictions = ['--predictions', dumped(config, first, tmp_path / 'validation.pkl')] if stored else []
    assert run(config, first, out, '--aim', aim, *predictions) == 0
    scores, labels = scores_in_loops()
    bias = fit_class_bias(softmax(scores), labels, aim).bias
    written = read_checkpoint(out)
    np.testing.assert_allclose(written['state_dict'][f'{LAYER}.bias'].numpy(), BIAS + bias, atol=1e-5)
    assert written['state_dict'][f'{LAYER}.weight'].tolist() == torch.tensor(WEIGHT).tolist()
    assert written['meta'] == {'epoch': 3}
    assert 'optimizer' not in written
    note = written['classifier_edit']
    assert (note['kind'], note['aim'], note['layer']) == ('balance-classes', aim, LAYER)
    assert note['penalty'] == (0.1 if aim == 'mean' else None)
    assert note['num_clips'] == COUNTS
    np.testing.assert_allclose(note['bias'], bias, atol=1e-5)

    hits = [(chosen.argmax(1) == labels) for chosen in (scores, scores + bias)]
    accuracies = np.array([[h[labels == c].mean() for c in range(4)] for h in hits])
    assert (accuracies[0] != accuracies[1]).any()
    said = capsys.readouterr()
    mean, worst = accuracies.mean(1), accuracies.min(1)
    assert f'| acc/mean1 | {mean[0]:.4f} | {mean[1]:.4f} |' in said.out
    assert f'| acc/worst | {worst[0]:.4f} | {worst[1]:.4f} |' in said.out
    assert '30 validation clips' in said.out
    assert f'wrote {out}: balance-classes with aim {aim}' in said.out
    assert said.err == ''
    assert first.read_bytes() == before


def test_written_checkpoint_is_tested_as_any_other_and_not_edited_again(tmp_path, capsys):
    config, first, out = config_in(tmp_path), checkpoint_in(tmp_path), tmp_path / 'balanced.pth'
    assert run(config, first, out) == 0
    answers = dumped(config, out, tmp_path / 'balanced.pkl')
    from cdb_video.report.sources.dump import read_dump

    scores, labels = scores_in_loops()
    bias = fit_class_bias(softmax(scores), labels).bias
    np.testing.assert_allclose(read_dump(answers).scores, softmax(scores + bias), atol=1e-5)
    assert run(config, out, tmp_path / 'twice.pth') == 2
    said = capsys.readouterr().err
    assert 'was edited already' in said
    assert 'num_clips' not in said


def test_classes_without_clips_and_with_few_are_named(tmp_path, capsys):
    counts = [9, 8, 0, 3]
    config, first, out = config_in(tmp_path, counts), checkpoint_in(tmp_path), tmp_path / 'balanced.pth'
    assert run(config, first, out) == 0
    said = capsys.readouterr().err
    assert f'no validation clips, so the mean bias, 0: {CLASS_NAMES[2]}\n' in said
    assert f'{FEW}, so lambda is 1 for all: {CLASS_NAMES[3]}\n' in said
    note = read_checkpoint(out)['classifier_edit']
    assert note['penalty'] == 1
    assert note['bias'][2] == 0


def test_a_bias_that_costs_on_its_own_clips_and_one_that_does_nothing_are_said(tmp_path, capsys, monkeypatch):
    config, first, out = config_in(tmp_path), checkpoint_in(tmp_path), tmp_path / 'balanced.pth'

    def fit_to(bias):
        fitted = replace(fit_class_bias(*scores_and_labels), bias=np.array(bias))
        monkeypatch.setattr(balance_classes, 'fit_class_bias', lambda *args: fitted)

    scores, labels = scores_in_loops()
    scores_and_labels = (softmax(scores), labels, 'mean')
    fit_to([30.0, -10.0, -10.0, -10.0])
    assert run(config, first, out) == 0
    before, after = (
        np.mean([(kept == c)[labels == c].mean() for c in range(4)])
        for kept in (scores.argmax(1), np.zeros_like(labels))
    )
    assert after < before
    assert f'it makes worse: acc/mean1 {before:.4f} -> {after:.4f}, acc/hmean' in capsys.readouterr().err
    fit_to([0.0] * 4)
    assert run(config, first, out) == 0
    assert 'the bias is 0 for every class: OUT answers as CHECKPOINT does' in capsys.readouterr().err


def test_a_fit_that_has_not_converged_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(class_bias_fit, '_MOST_STEPS', 1)
    config, first, out = config_in(tmp_path), checkpoint_in(tmp_path), tmp_path / 'balanced.pth'
    assert run(config, first, out) == 0
    assert 'the fit had not converged after 1 step' in capsys.readouterr().err
    assert read_checkpoint(out)['classifier_edit']['converged'] is False


def test_factors_of_lws_are_taken_into_account(tmp_path):
    model = {'type': 'LayerModel', 'layer': 'scaled', 'loss_cls': {'type': 'CDBLoss'}}
    config, out = config_in(tmp_path, model=model), tmp_path / 'balanced.pth'
    first = checkpoint_in(tmp_path, model)
    content = torch.load(first)
    content['state_dict'][f'{LAYER}.class_scale'] = torch.tensor([0.5, 2.0, 1.0, -1.5])
    torch.save(content, first)
    assert run(config, first, out) == 0
    written = read_checkpoint(out)
    added = written['state_dict'][f'{LAYER}.bias'] - torch.tensor(BIAS)
    expected = np.array(written['classifier_edit']['bias']) / [0.5, 2.0, 1.0, -1.5]
    np.testing.assert_allclose(added.numpy(), expected, atol=1e-6)
    content['state_dict'][f'{LAYER}.class_scale'][1] = 0
    torch.save(content, first)
    assert run(config, first, tmp_path / 'other.pth') == 2


@pytest.fixture
def refused(tmp_path, capsys):
    """A function that runs the command, sees that it writes nothing, and returns what it said."""

    def run_refused(config, checkpoint, *options, layer=LAYER):
        out = tmp_path / 'balanced.pth'
        assert run(config, checkpoint, out, *options, layer=layer) == 2
        assert not list(tmp_path.glob('balanced.pth*'))
        return capsys.readouterr().err

    return run_refused


def test_predictions_of_other_clips_labels_or_classes_are_refused(tmp_path, refused):
    config, first = config_in(tmp_path), checkpoint_in(tmp_path)
    for name, counts, message in (
        ('fewer', [9, 8, 7, 5], 'fewer.pkl has 29 clips, the validation set 30'),
        ('others', [8, 9, 7, 6], r'clip 8 has label 1 in'),
    ):
        other = config_in(tmp_path, counts, name=name)
        dump = dumped(other, first, tmp_path / f'{name}.pkl')
        assert message in (said := refused(config, first, '--predictions', dump))
        assert 'leave out --predictions' in said
    content = torch.load(first)
    for part in ('weight', 'bias'):
        content['state_dict'][f'{LAYER}.{part}'] = content['state_dict'][f'{LAYER}.{part}'][:3]
    torch.save(content, tmp_path / 'three.pth')
    dump = dumped(config, first, tmp_path / 'validation.pkl')
    said = refused(config, tmp_path / 'three.pth', '--predictions', dump)
    assert 'validation.pkl has scores of 4 classes, the classifier 3' in said


def test_a_validation_that_passes_over_clips_is_refused_with_the_cause(tmp_path, refused):
    config = config_in(tmp_path)
    settings = Config.fromfile(config)
    settings.val_dataloader.update(batch_size=4, drop_last=True)
    settings.dump(config)
    assert 'clips of its set: leave out drop_last=True in val_dataloader' in refused(config, checkpoint_in(tmp_path))


def test_what_the_host_cannot_build_ends_with_its_sentence(tmp_path, capsys):
    config = config_in(tmp_path)
    settings = Config.fromfile(config)
    settings.val_dataloader.dataset.type = 'NoSuchDataset'
    settings.dump(config)
    assert run(config, checkpoint_in(tmp_path), tmp_path / 'out.pth') == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith('edit_classifier: KeyError: ')


def test_a_config_that_came_along_is_found_by_its_name(tmp_path, capsys):
    assert run('cdb_video::egtea/mini/slowfast_nothing.py', checkpoint_in(tmp_path), tmp_path / 'out.pth') == 2
    assert 'perhaps egtea/mini/slowfast_' in capsys.readouterr().err


def test_predictions_of_clips_with_other_names_are_refused(tmp_path, refused):
    kinds = [{'type': 'NamingModel', 'prefix': prefix} for prefix in ('a', 'b')]
    config, other = (config_in(tmp_path, model=kind, name=kind['prefix']) for kind in kinds)
    first = checkpoint_in(tmp_path, kinds[0])
    assert 'names other clips' in refused(config, first, '--predictions', dumped(other, first, tmp_path / 'b.pkl'))
    same = dumped(config, first, tmp_path / 'a.pkl')
    assert run(config, first, tmp_path / 'out.pth', '--predictions', same) == 0


def test_predictions_of_another_checkpoint_are_refused_by_what_the_edited_one_answers(tmp_path, refused):
    config, first = config_in(tmp_path), checkpoint_in(tmp_path)
    other = checkpoint_in(tmp_path, bias=[0.0, 0.0, 0.0, 0.0], name='other')
    said = refused(config, first, '--predictions', dumped(config, other, tmp_path / 'validation.pkl'))
    assert 'the edited checkpoint does not answer as predicted' in said
    assert 'validation.pkl is of another checkpoint' in said


def test_layer_that_is_not_the_last_is_refused_by_what_the_edited_one_answers(tmp_path, refused):
    model = {'type': 'LayerModel', 'layer': 'two', 'loss_cls': {'type': 'CDBLoss'}}
    torch.manual_seed(3)
    config, first = config_in(tmp_path, model=model), checkpoint_in(tmp_path, model)
    said = refused(config, first, layer='before')
    assert 'does not answer as predicted' in said
    assert 'before is not the last layer (--layer)' in said


def test_several_views_are_refused(tmp_path, refused):
    model = {'type': 'TwoViewModel'}
    config, first = config_in(tmp_path, model=model), checkpoint_in(tmp_path, model)
    said = refused(config, first)
    assert '16 rows of scores for 8 clips: each has several views' in said
    assert 'num_clips=1' in said


def test_scores_that_are_no_probabilities_are_refused(tmp_path, refused):
    model = {'type': 'ScoreModel'}
    config, first = config_in(tmp_path, model=model), checkpoint_in(tmp_path, model)
    assert "average_clips='prob'" in refused(config, first)


def test_classifiers_without_a_place_for_a_bias_are_refused(tmp_path, refused):
    config, first = config_in(tmp_path), checkpoint_in(tmp_path)
    said = refused(config, first, layer='cls_head.fc_cls')
    assert (
        "no linear layer 'cls_head.fc_cls': name the classifier with --layer; its linear layers are cls_head.fc" in said
    )
    content = torch.load(first)
    torch.save({**content, 'state_dict': {'conv.weight': torch.ones(2, 2, 1)}}, tmp_path / 'conv.pth')
    assert 'it has no linear layer' in refused(config, tmp_path / 'conv.pth')
    model = {'type': 'LayerModel', 'layer': 'cosine', 'loss_cls': {'type': 'CDBLoss'}}
    config, first = config_in(tmp_path, model=model), checkpoint_in(tmp_path, model)
    said = refused(config, first)
    assert f'{LAYER} has no bias to which a class bias could be added' in said
    assert 'train with a head whose last layer is an nn.Linear with a bias' in said


def test_what_else_cannot_be_done_is_refused(tmp_path, refused, capsys):
    config, first = config_in(tmp_path), checkpoint_in(tmp_path)
    assert '1 of 4 classes have validation clips' in refused(config_in(tmp_path, [9, 0, 0, 0], name='one'), first)
    (tmp_path / 'empty.py').write_text('')
    assert 'empty.py has no model, val_dataloader' in refused(tmp_path / 'empty.py', first)
    assert '--values is of ' in refused(config, first, '--values', '1')
    assert '--metric is of ' in refused(config, first, '--metric', 'acc/top1')
    assert 'none.pkl does not exist' in refused(config, first, '--predictions', tmp_path / 'none.pkl')
    assert 'is a checkpoint' in refused(config, first, '--predictions', first)
    other = checkpoint_in(tmp_path, name='meta', meta={'dataset_meta': {'classes': ['lift', 'cut', 'wash', 'fold']}})
    assert "class 3 is 'spread' in the validation set and 'fold' in the checkpoint" in refused(config, other)
    wide = copy.deepcopy(torch.load(first))
    wide['state_dict']['cls_head.more.weight'] = torch.ones(4, 2)
    torch.save(wide, tmp_path / 'wide.pth')
    assert 'does not fit the model of the config' in refused(config, tmp_path / 'wide.pth')
    assert main(['adjust-logits', str(config), str(first), str(tmp_path / 'o.pth'), '--aim', 'mean']) == 2
    assert '--aim is of balance-classes' in capsys.readouterr().err
    assert run(config, first, Path(tmp_path, 'nowhere', 'o.pth')) == 2
    assert f'there is no folder {tmp_path / "nowhere"}' in capsys.readouterr().err
