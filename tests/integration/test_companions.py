"""mmaction2's companions of the loss and the hook, on small recognizers and real clips."""

import numpy as np
import pytest
import torch

from cdb_video.difficulty.history import read_history
from tests.integration.video_runs import CLASSES, losses_of, pipeline, video_runner, write_lists
from tests.support.marks import needs_compile
from tests.support.runs import hook_of

pytestmark = pytest.mark.training


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    return write_lists(tmp_path_factory.mktemp('clips'))


@pytest.fixture
def run(clips, tmp_path):
    """Build a runner over the clips."""
    return lambda **changes: video_runner(clips, tmp_path, **changes)


def assert_weighted(steps):
    """Every loss is the mean of -sum_c w_c y_c log p_c, with the weights of its time; some weights differed from 1."""
    for scores, labels, weight, loss in steps:
        assert labels.shape == scores.shape
        torch.testing.assert_close(labels.sum(1), torch.ones(len(labels)))
        terms = weight.float() * labels * torch.log_softmax(scores, 1)
        torch.testing.assert_close(loss, -terms.sum() / len(scores))
    assert any((weight - 1).abs().max() > 0.1 for _, _, weight, _ in steps)


@pytest.mark.parametrize(
    'blending',
    [
        {'type': 'MixupBlending', 'num_classes': 4, 'alpha': 1.0},
        {'type': 'CutmixBlending', 'num_classes': 4, 'alpha': 1.0},
        {
            'type': 'RandomBatchAugment',
            'augments': [
                {'type': name, 'num_classes': 4, 'alpha': 1.0} for name in ('MixupBlending', 'CutmixBlending')
            ],
        },
    ],
    ids=lambda blending: blending['type'],
)
def test_blended_labels_are_weighted_by_their_shares(run, blending):
    runner = run(model={'data_preprocessor': {'blending': blending}})
    steps = losses_of(runner)
    assert [len(scores) for scores, *_ in steps] == [4, 4, 1] * 2
    assert_weighted(steps)
    assert any(((labels > 0) & (labels < 1)).any() for _, labels, _, _ in steps)
    assert hook_of(runner).state_.num_clips.tolist() == [2] * 4  # validation does not blend


def test_smoothed_labels_are_weighted_by_their_shares(run):
    steps = losses_of(run(model={'cls_head': {'label_smooth_eps': 0.2}}))
    assert_weighted(steps)
    assert {round(value, 3) for _, labels, _, _ in steps for value in labels.unique().tolist()} == {0.05, 0.85}


@pytest.mark.parametrize('average_clips', ['prob', 'score'])
def test_views_of_a_clip_count_once_at_validation(run, average_clips):
    several = {'dataset': {'pipeline': pipeline(num_clips=3, test_mode=True)}}
    runner = run(model={'cls_head': {'average_clips': average_clips}}, val_dataloader=several)
    seen = []
    runner.model.cls_head.register_forward_hook(lambda module, inputs, scores: seen.append(len(scores)))
    runner.train()
    assert sum(seen) == 2 * (9 + 3 * 8)
    assert hook_of(runner).state_.num_clips.tolist() == [2] * 4


def test_views_that_are_not_averaged_are_refused_before_the_first_step(run):
    several = {'dataset': {'pipeline': pipeline(num_clips=3, test_mode=True)}}
    runner = run(model={'cls_head': {'average_clips': None}}, val_dataloader=several)
    with pytest.raises(ValueError, match=r"cls_head \(I3DHead\) has average_clips=None.*average_clips='prob'"):
        runner.train()
    assert runner.iter == 0


@pytest.mark.parametrize('wrapped', [False, True])
def test_several_training_clips_of_a_3d_recognizer_are_refused_before_the_first_step(run, wrapped):
    runner = run(train_dataloader={'dataset': {'pipeline': pipeline(num_clips=2)}})
    if wrapped:
        dataset = runner.cfg.train_dataloader.dataset
        runner = run(
            train_dataloader={'dataset': {'_delete_': True, 'type': 'RepeatDataset', 'times': 2, 'dataset': dataset}}
        )
    with pytest.raises(ValueError, match=r'SampleFrames\(num_clips=2\) in the training pipeline.*Set num_clips=1'):
        runner.train()
    assert runner.iter == 0


def test_segments_of_a_2d_recognizer_share_their_label(run):
    recognizer = {
        '_delete_': True,
        'type': 'Recognizer2D',
        'backbone': {'type': 'ResNet', 'pretrained': None, 'depth': 18, 'norm_eval': False},
        'cls_head': {
            'type': 'TSNHead',
            'in_channels': 512,
            'num_classes': 4,
            'average_clips': 'prob',
            'loss_cls': {'type': 'CDBLoss'},
        },
        'data_preprocessor': {
            'type': 'ActionDataPreprocessor',
            'mean': [128.0] * 3,
            'std': [64.0] * 3,
            'format_shape': 'NCHW',
        },
    }
    runner = run(
        model=recognizer,
        train_dataloader={'dataset': {'pipeline': pipeline(num_clips=3, layout='NCHW')}},
        val_dataloader={'dataset': {'pipeline': pipeline(num_clips=3, test_mode=True, layout='NCHW')}},
        train_cfg={'max_epochs': 1},
    )
    steps = losses_of(runner)
    assert [(len(scores), len(labels)) for scores, labels, *_ in steps] == [(4, 4), (4, 4), (1, 1)]
    assert hook_of(runner).state_.num_clips.tolist() == [2] * 4


def test_class_balanced_dataset_repeats_our_datasets_under_the_sampler(run, tmp_path):
    inner = run().cfg.train_dataloader.dataset
    wrapper = {'_delete_': True, 'type': 'ClassBalancedDataset', 'oversample_thr': 0.5, 'dataset': inner}
    runner = run(train_dataloader={'dataset': wrapper}, train_cfg={'max_epochs': 1})
    steps = losses_of(runner)
    # Repeat factors: 1, sqrt(0.5 / 0.25), sqrt(0.5 / (2 / 12)), sqrt(0.5 / (1 / 12)), each rounded up.
    assert hook_of(runner).state_.train_counts.tolist() == [6, 3 * 2, 2 * 2, 1 * 3]
    assert read_history(tmp_path / 'class_history.jsonl').header.class_names == CLASSES
    # One epoch before any validation: class-balanced, whatever the repeats.
    drawn = np.bincount(torch.cat([labels for _, labels, _, _ in steps]), minlength=4)
    assert drawn.sum() == 9
    assert np.ptp(drawn) <= 1


# torch: dynamo runs into its own warnings, on scores where a graph begins anew and on mmaction2's accuracy.
@pytest.mark.long
@pytest.mark.filterwarnings('ignore:To copy construct from a tensor:UserWarning')
@pytest.mark.filterwarnings('ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning')
@pytest.mark.uncovered
@needs_compile
def test_compiled_recognizer_follows_every_new_difficulty(run):
    plain = run()
    steps = losses_of(plain)
    assert any((weight - 1).abs().max() > 0.1 for _, _, weight, _ in steps)
    compiled = run(compile={'backend': 'eager'})
    compiled.train()
    torch.testing.assert_close(compiled.model.state_dict(), plain.model.state_dict())
