"""DifficultyTracker in loops of one's own: counts, what it hands on and records, processes, resumption, refusals."""

import json
import logging
import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from cdb_video import DifficultyTracker
from cdb_video.difficulty.history import read_history
from cdb_video.losses import CDBLoss, EqualizationLoss
from cdb_video.samplers import CDBSampler, ClassSampler
from tests.support.parallel import error_of, in_processes

COUNTS = [40, 20, 10, 5]
NAMES = ('lift', 'cut', 'wash', 'spread')
OPTIONS = [
    {},
    {'momentum': 0.7, 'prior_count': 3, 'min_difficulty': 0.1},
    {'momentum': 'mean', 'measure': 'probability'},
]


def validation(number=29, seed=0, num_classes=4):
    """Probabilities (N, C) and labels (N,) that agree more often than not."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(num_classes, (number,), generator=generator)
    scores = torch.randn(number, num_classes, generator=generator)
    scores[torch.arange(number), labels] += 1
    return scores.softmax(1), labels


def counted(tracker, scores, labels, batch=8, **moment):
    for start in range(0, len(labels), batch):
        tracker.update(scores[start : start + batch], labels[start : start + batch])
    return tracker.compute(**({'epoch': 1, 'iteration': 10} | moment))


def lines_of(path):
    """The lines of a history, but for the run id."""
    entries = [json.loads(line) for line in (path / 'class_history.jsonl').read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key != 'run_id'} for entry in entries]


def test_counts_by_hand_become_difficulty_weights_and_a_record(tmp_path):
    loss = CDBLoss(num_classes=2)
    tracker = DifficultyTracker(2, [6, 2], consumers=loss, history=tmp_path / 'new' / 'run', planned_validations=3)
    assert tracker.state_.difficulty.tolist() == [1, 1]
    tracker.update(torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([0, 0]))
    tracker.update(np.array([[0.5, 0.5], [1, 2], [1, 3]]), [1, 1, 1])  # a tie goes to the lower class
    state = tracker.compute(epoch=1, iteration=4)
    assert state is tracker.state_
    assert state.num_clips.tolist() == [2, 3]
    assert state.num_correct.tolist() == [1, 2]
    np.testing.assert_allclose(state.difficulty, [1 / 2, 1 / 3])
    np.testing.assert_allclose(loss.class_weight, [6 / 5, 4 / 5])
    assert tracker.metrics_['acc/top1'] == 3 / 5
    assert tracker.metrics_['acc/few_shot'] == pytest.approx((1 / 2 + 2 / 3) / 2)
    header, record = lines_of(tmp_path / 'new' / 'run')
    assert (header['train_counts'], header['planned_validations']) == ([6, 2], 3)
    assert (record['epoch'], record['iter'], record['num_validations']) == (1, 4, 1)
    assert record['consumers']['CDBLoss']['weight'] == loss.class_weight.tolist()
    assert record['metrics'] == tracker.metrics_


@pytest.mark.parametrize('form', [torch.as_tensor, np.asarray, lambda values: values.tolist()])
def test_predicted_classes_do_in_the_place_of_scores_and_know_no_second_place(form):
    scores, labels = validation(60, num_classes=8)
    by_score, by_class = DifficultyTracker(8), DifficultyTracker(8)
    state = counted(by_score, scores, labels)
    other = counted(by_class, form(scores.argmax(1)), form(labels))
    assert other.difficulty.tolist() == state.difficulty.tolist()
    assert by_score.metrics_.keys() - by_class.metrics_.keys() == {'acc/top5'}
    assert all(by_score.metrics_[name] == value for name, value in by_class.metrics_.items())


@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_order_of_samples_and_size_of_batches_say_nothing(options):
    one, other = DifficultyTracker(4, **options), DifficultyTracker(4, **options)
    for seed in range(3):
        scores, labels = validation(seed=seed)
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        moment = {'epoch': seed + 1, 'iteration': seed + 1}
        state = counted(one, scores, labels, **moment)
        shuffled = counted(other, scores[order], labels[order], batch=5, **moment)
    np.testing.assert_allclose(shuffled.difficulty, state.difficulty, rtol=1e-12)
    assert shuffled.num_correct.tolist() == state.num_correct.tolist()


@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_classes_in_another_order_have_the_same_difficulties_and_weights(options):
    scores, labels = validation()
    order = torch.tensor([2, 0, 3, 1])  # the new class of an old one
    loss, moved = CDBLoss(num_classes=4), CDBLoss(num_classes=4)
    state = counted(DifficultyTracker(4, consumers=loss, **options), scores, labels)
    columns = torch.empty_like(scores)
    columns[:, order] = scores
    there = counted(DifficultyTracker(4, consumers=moved, **options), columns, order[labels])
    np.testing.assert_allclose(there.difficulty[order], state.difficulty, rtol=1e-12)
    np.testing.assert_allclose(moved.class_weight[order], loss.class_weight, rtol=1e-12)


def test_half_precision_and_empty_batches_count():
    tracker = DifficultyTracker(2)
    tracker.update(torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16), torch.tensor([1], dtype=torch.uint8))
    tracker.update(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
    tracker.update([], [])
    assert tracker.compute(epoch=1, iteration=1).num_correct.tolist() == [0, 1]


def test_reset_forgets_a_validation_that_is_not_to_count():
    tracker = DifficultyTracker(2)
    tracker.update([0, 0], [1, 1])
    tracker.reset()
    tracker.update([1], [1])
    assert tracker.compute(epoch=1, iteration=1).num_clips.tolist() == [0, 1]


def test_consumers_are_found_in_models_and_told_frequencies_epoch_and_validations():
    model = torch.nn.Sequential(torch.nn.Linear(2, 4))
    model.loss = CDBLoss(num_classes=4, law='accumulated', strength=4.0, logit_adjustment=1.0)
    model.other = EqualizationLoss(num_classes=4)
    labels = np.repeat(np.arange(4), COUNTS)
    sampler = CDBSampler(labels, labels=labels, tau=(0, 2), seed=0)
    tracker = DifficultyTracker(
        4, consumers=(model, sampler, model.loss), planned_validations=4, max_epochs=4, momentum='mean'
    )
    assert tracker.state_.train_counts.tolist() == COUNTS  # of the sampler
    assert sampler.tau_ == 0
    counted(tracker, *validation(), epoch=2)
    assert model.loss.strength_ == 1.0
    assert sampler.tau_ == pytest.approx(2 * 2 / 3)
    drawn = torch.as_tensor(sampler.class_probability)
    torch.testing.assert_close(model.loss.prior_term, drawn.log())
    assert model.other.prior_term is not None
    tracker.set_epoch(3)
    assert sampler.tau_ == 2
    torch.testing.assert_close(model.loss.prior_term, torch.as_tensor(sampler.class_probability).log())
    assert set(tracker.state_dict()['report']['consumers']) == {'CDBLoss', 'CDBSampler'}


def test_a_sampler_without_difficulty_says_which_frequencies_training_sees():
    labels = np.repeat(np.arange(4), COUNTS)
    loss = CDBLoss(num_classes=4, logit_adjustment=1.0)
    balanced = ClassSampler(labels, labels=labels, frequency_power=0, seed=0)
    tracker = DifficultyTracker(4, consumers=[loss, balanced])
    torch.testing.assert_close(loss.prior_term, torch.full((4,), 0.25, dtype=torch.float64).log())
    assert tracker.state_.train_counts.tolist() == COUNTS


def test_training_counts_that_are_not_known_leave_out_what_rests_on_them(tmp_path):
    loss = CDBLoss(num_classes=4)
    tracker = DifficultyTracker(4, consumers=loss, history=tmp_path / 'own.jsonl')
    counted(tracker, *validation())
    tracker.set_epoch(1)
    assert read_history(tmp_path / 'own.jsonl').header.train_counts is None
    assert 'acc/few_shot' not in tracker.metrics_
    assert loss.prior_term is None


class Toy:
    """A training of a linear layer in a loop as the page on plain PyTorch has it."""

    def __init__(self, folder, **options):
        labels = np.repeat(np.arange(4), COUNTS)
        angle = torch.as_tensor(labels * np.pi / 2)
        generator = torch.Generator().manual_seed(3)
        points = torch.stack([angle.cos(), angle.sin()], 1).float()
        points += 0.6 * torch.randn(points.shape, generator=generator)
        data = TensorDataset(points, torch.as_tensor(labels))
        self.sampler = CDBSampler(data, labels=labels, seed=5)
        self.loader = DataLoader(data, batch_size=8, sampler=self.sampler)
        self.held_out = points[::3], torch.as_tensor(labels)[::3]
        torch.manual_seed(0)
        self.model, self.loss = torch.nn.Linear(2, 4), CDBLoss(num_classes=4)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.tracker = DifficultyTracker(
            4, class_names=NAMES, consumers=(self.loss, self.sampler), history=folder, momentum=0.5, **options
        )
        self.checkpoint = folder / 'last.pth'

    def train(self, epochs, dies_before_saving=None):
        begin = 0
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint, weights_only=True)
            begin = saved['epoch']
            self.model.load_state_dict(saved['model'])
            self.optimizer.load_state_dict(saved['optimizer'])
            self.tracker.load_state_dict(saved['class_difficulty'])
        order = []
        for epoch in range(begin, epochs):
            self.sampler.set_epoch(epoch)
            for points, labels in self.loader:
                order.append(labels.tolist())
                self.optimizer.zero_grad()
                self.loss(self.model(points), labels).backward()
                self.optimizer.step()
            with torch.no_grad():
                counted(
                    self.tracker,
                    self.model(self.held_out[0]),
                    self.held_out[1],
                    epoch=epoch + 1,
                    iteration=(epoch + 1) * len(self.loader),
                )
            if dies_before_saving == epoch + 1:
                return order
            saved = {'model': self.model.state_dict(), 'optimizer': self.optimizer.state_dict()}
            saved |= {'epoch': epoch + 1, 'class_difficulty': self.tracker.state_dict()}
            torch.save(saved, self.checkpoint)
        return order


def test_a_loop_that_is_killed_and_resumed_equals_an_undisturbed_one(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    straight = Toy(tmp_path / 'a')
    order = straight.train(5)
    broken = Toy(tmp_path / 'b')
    broken.train(5, dies_before_saving=3)
    del broken  # as its process is
    resumed = Toy(tmp_path / 'b')
    assert resumed.train(5) == order[2 * len(resumed.loader) :]
    assert torch.equal(resumed.model.weight, straight.model.weight)
    assert torch.equal(resumed.loss.class_weight, straight.loss.class_weight)
    assert resumed.sampler.class_probability.tolist() == straight.sampler.class_probability.tolist()
    assert lines_of(tmp_path / 'b') == lines_of(tmp_path / 'a')
    assert len(lines_of(tmp_path / 'a')) == 6
    (aside,) = [json.loads(line) for line in (tmp_path / 'b' / 'class_history.1.jsonl').read_text().splitlines()]
    assert aside['epoch'] == 3


def test_a_training_that_starts_anew_keeps_the_history_of_before_aside(tmp_path):
    counted(DifficultyTracker(4, history=tmp_path), *validation())
    before = (tmp_path / 'class_history.jsonl').read_bytes()
    tracker = DifficultyTracker(4, history=tmp_path)
    assert (tmp_path / 'class_history.jsonl').read_bytes() == before  # until there is something to write
    counted(tracker, *validation(seed=1), iteration=7)
    assert (tmp_path / 'class_history.1.jsonl').read_bytes() == before
    assert [entry.iteration for entry in read_history(tmp_path / 'class_history.jsonl').records] == [7]


def test_a_history_that_cannot_be_written_is_said_and_ends_no_training(tmp_path, caplog):
    (tmp_path / 'file').write_text('')
    tracker = DifficultyTracker(4, history=tmp_path / 'file' / 'run')
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        counted(tracker, *validation())
    assert 'the class history could not be written' in caplog.text
    assert tracker.state_.num_validations == 1


def test_a_loaded_state_with_another_plan_or_memory_is_warned_of(caplog):
    options = {'momentum': 'mean', 'planned_validations': 10}
    tracker = DifficultyTracker(4, **options)
    counted(tracker, *validation())
    loss = CDBLoss(num_classes=4, law='accumulated', strength=8.0)
    other = DifficultyTracker(4, consumers=loss, momentum='mean', planned_validations=5, prior_count=2)
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        other.load_state_dict(tracker.state_dict())
    assert 'was to make 10 validations, this one makes 5' in caplog.text
    assert 'has prior_count=0.0, and this run has prior_count=2' in caplog.text
    assert loss.strength_ == pytest.approx(8 / 5)


def test_training_counts_and_names_that_are_given_count_more_than_those_of_the_state():
    first = DifficultyTracker(4, [4, 3, 2, 1], class_names=NAMES)
    counted(first, *validation())
    bare, knowing = DifficultyTracker(4), DifficultyTracker(4, COUNTS)
    for tracker in (bare, knowing):
        tracker.load_state_dict(first.state_dict())
        assert tracker.state_.class_names == NAMES
        assert tracker.metrics_ == first.metrics_
    assert bare.state_.train_counts.tolist() == [4, 3, 2, 1]
    assert knowing.state_.train_counts.tolist() == COUNTS


def share(values, rank, number, padded):
    """What DistributedSampler gives a process, with padding or without."""
    own = values[rank::number]
    return own if not padded or len(own) == len(values[::number]) else torch.cat([own, values[:1]])


def in_one_of_two(rank, folder):
    """What a process of two makes of a set with a remainder, and what it is refused."""
    found, trackers = {}, []
    for number, options in enumerate(OPTIONS):
        for padded in (True, False):
            tracker = DifficultyTracker(4, COUNTS, history=folder / f'{number}-{padded}', **options)
            for seed in range(2):
                scores, labels = (share(part, rank, 2, padded) for part in validation(seed=seed))
                counted(tracker, scores, labels, epoch=seed + 1, iteration=seed + 1, size=29)
            found[number, padded] = tracker.state_.difficulty.tolist()
            trackers.append(tracker)
    scores, labels = validation()
    half = slice(None, 20) if rank == 0 else slice(20, None)
    chunks = counted(trackers[0], scores[half], labels[half], epoch=3, iteration=3, size=29)
    refused = [
        error_of(lambda: counted(trackers[0], scores, labels, epoch=4, iteration=4)),
        error_of(lambda: counted(trackers[0], scores, labels, epoch=4, iteration=4, size=29)),
        error_of(lambda: counted(trackers[0], scores, labels + 4 * rank, epoch=4, iteration=4, size=58)),
        error_of(lambda: trackers[0].compute(epoch=4, iteration=4, size=29)),
    ]
    refused = [(kind, text) for kind, text, _ in refused]  # the others note who raised it
    counted(trackers[0], scores[half], labels[half], epoch=4, iteration=4, size=29)
    return found, chunks.num_clips.tolist(), refused, trackers[0].state_.num_validations


@pytest.mark.training
def test_two_processes_with_a_remainder_find_the_same_bits_as_one(tmp_path):
    first, second = in_processes(2, in_one_of_two, tmp_path)
    assert first == second
    found, chunks, refused, validations = first
    for number, options in enumerate(OPTIONS):
        alone = DifficultyTracker(4, COUNTS, history=tmp_path / f'{number}', **options)
        for seed in range(2):
            state = counted(alone, *validation(seed=seed), epoch=seed + 1, iteration=seed + 1)
        for padded in (True, False):
            assert found[number, padded] == state.difficulty.tolist()
            if number:  # the first was used on
                assert lines_of(tmp_path / f'{number}-{padded}') == lines_of(tmp_path / f'{number}')
    assert chunks == np.bincount(validation()[1], minlength=4).tolist()
    assert '2 processes have counted 58 samples, and size=None' in refused[0][1]
    assert 'process 0 of 2 has evaluated 29 samples, and its share of 29 is 15' in refused[1][1]
    assert re.search('labels: sample 0 of the batch has .*must be in 0..3', refused[2][1])
    assert 'compute without update' in refused[3][1]
    assert validations == 4
