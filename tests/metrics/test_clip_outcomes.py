"""What is kept of the clips of a batch, and the mean probability of the true class that comes of it."""

import numpy as np
import pytest
import torch

from cdb_video.difficulty.tracking.outcomes import from_bits
from cdb_video.difficulty.tracking.set_order import in_order
from cdb_video.metrics import ClassAccuracy
from cdb_video.metrics.clip_outcomes import reduced

LABELS = [0, 2, 0, 2, 1, 0, 0]


def samples_of(scores, labels=None):
    labels = LABELS if labels is None else labels
    return [{'pred_score': row, 'gt_label': torch.tensor([label])} for row, label in zip(scores, labels, strict=True)]


def scores_of(num_classes=4, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return torch.rand((len(LABELS), num_classes), generator=generator).softmax(1).to(dtype)


def metric_of():
    metric = ClassAccuracy()
    metric.keep_probability()
    return metric


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_probabilities_of_any_precision_are_kept_as_they_are(dtype):
    scores = scores_of(1203, dtype)
    kept = np.array(list(reduced(samples_of(scores), with_probability=True)))
    assert kept.shape == (len(LABELS), 5)
    expected = scores[torch.arange(len(LABELS)), torch.tensor(LABELS)].double().numpy()
    np.testing.assert_array_equal(from_bits(kept[:, 4]), expected)


def test_difficulty_by_probability_is_a_mean_for_each_class_and_nan_without_clips():
    scores = scores_of()
    metric = metric_of()
    metric.process(None, samples_of(scores))
    metric.evaluate(len(LABELS))
    labels = np.array(LABELS)
    for label in (0, 1, 2):
        own = scores[:, label].double().numpy()[labels == label]
        assert metric.counts_.mean_probability[label] == pytest.approx(own.mean(), rel=1e-12)
    assert np.isnan(metric.counts_.mean_probability[3])


@pytest.mark.parametrize('world_size', [2, 3, 9])
def test_several_processes_with_padding_give_the_same_bits_as_one(world_size):
    kept = np.array(list(reduced(samples_of(scores_of()), with_probability=True)))
    share = -(-len(kept) // world_size)
    padded = np.concatenate([kept, kept[: share * world_size - len(kept)]])
    parts = [padded[rank::world_size] for rank in range(world_size)]
    alone, together = metric_of(), metric_of()
    alone.compute_metrics(kept)
    together.compute_metrics(in_order(parts, len(kept)))
    np.testing.assert_array_equal(alone.counts_.mean_probability, together.counts_.mean_probability)


@pytest.mark.parametrize('scores', [[3.0, -1.0, 0.5, 0.0], [0.4, 0.4, 0.4, 0.4], [float('inf'), 0.0, 0.0, 0.0]])
def test_scores_that_are_no_probabilities_are_refused_with_their_range_and_sum(scores):
    metric = metric_of()
    with pytest.raises(ValueError, match=r"measure='probability' needs probabilities, .*average_clips='prob'"):
        metric.process(None, samples_of([torch.tensor(scores)], [0]))


def test_clips_whose_scores_are_nan_are_told_as_such():
    scores = scores_of()
    scores[2] = torch.nan
    metric = metric_of()
    metric.process(None, samples_of(scores))
    with pytest.raises(ValueError, match='the scores of 1 of 7 clips hold NaN: training has diverged'):
        metric.evaluate(len(LABELS))


def test_of_one_class_every_probability_is_1():
    metric = metric_of()
    metric.process(None, samples_of(torch.ones(3, 1), [0, 0, 0]))
    metric.evaluate(3)
    assert metric.counts_.mean_probability.tolist() == [1.0]
