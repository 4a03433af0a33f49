"""One to four processes with gloo on the CPU: the same clips, counts and difficulty whatever their number."""

import itertools
import os
import uuid
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

import cdb_video  # noqa: F401  (registers the parts of the toy configuration)
from tests.support.parallel import error_of, in_processes

pytestmark = pytest.mark.training

LABELS = np.repeat(np.arange(4), [21, 13, 7, 4])
TOTAL_BATCH = 12
LAWS = {
    'CDBSampler': {'type': 'CDBSampler', 'seed': 3},
    'ClassSampler': {'type': 'ClassSampler', 'frequency_power': 0.5, 'seed': 3},
}
DIFFICULTIES = [[1, 1, 1, 1], [0.2, 0.9, 0.4, 0.7], [0.5, 0.1, 0.8, 0.3]]
DRAWS = [(num_samples, round_up) for num_samples in (48, 49, 50, 51) for round_up in (True, False)]
SIZES = [*range(1, 14), 28, 29, 30, 31]
TESTED = [24, 25, 26, 27]


class Indices:
    """A data set whose samples are their indices."""

    def __init__(self, labels):
        self.labels, self.metainfo = labels, {}

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return index

    def get_data_info(self, index):
        return {'label': int(self.labels[index])}


def world_size():
    from mmengine.dist import get_world_size

    return get_world_size()


def steps_of(rank):
    """What the loader of this rank gives, step by step: {(law, draws, round_up, epoch): list of lists of indices}."""
    from mmengine.registry import DATA_SAMPLERS
    from torch.utils.data import DataLoader

    steps, dataset = {}, Indices(LABELS)
    for (name, law), (num_samples, round_up) in itertools.product(LAWS.items(), DRAWS):
        options = {'dataset': dataset, 'num_samples': num_samples, 'round_up': round_up}
        sampler = DATA_SAMPLERS.build({**law, **options})
        loader = DataLoader(dataset, TOTAL_BATCH // world_size(), sampler=sampler, collate_fn=list)
        for epoch, difficulty in enumerate(DIFFICULTIES):
            if name == 'CDBSampler':
                sampler.set_class_difficulty(difficulty)
            sampler.set_epoch(epoch)
            steps[name, num_samples, round_up, epoch] = list(loader)
    return steps


@pytest.mark.parametrize('processes', [2, 3, pytest.param(4, marks=pytest.mark.long)])
def test_every_step_takes_the_clips_that_one_process_would_take(processes):
    expected, ranks = steps_of(0), in_processes(processes, steps_of)
    for case, whole in expected.items():
        _, num_samples, round_up, _ = case
        draw = list(itertools.chain(*whole))
        assert len(draw) == num_samples
        padding = draw[: -num_samples % processes] if round_up else []
        together = [
            list(itertools.chain(*parts)) for parts in itertools.zip_longest(*(r[case] for r in ranks), fillvalue=[])
        ]
        assert sorted(itertools.chain(*together)) == sorted(draw + padding)
        # All but the steps that end the epoch, which padding makes longer.
        for step, taken in enumerate(together[: num_samples // TOTAL_BATCH]):
            assert sorted(taken) == sorted(whole[step]), (case, step)
        if num_samples % TOTAL_BATCH == 0:
            assert len(together) == len(whole)
    # The difficulty acts: no epoch is like another.
    assert expected['CDBSampler', 48, True, 0] != expected['CDBSampler', 48, True, 1]


def outcome_of(index):
    """Label and scores of a clip: some are right, some wrong."""
    scores = torch.zeros(4)
    scores[(index * 7 + index // 3) % 4] = 1
    return index * index % 4, scores


def counts_of(rank, round_up, shuffle, batch_size=3):
    """Evaluate sets of many sizes; the counts of each, and on the main process also the clips in their order."""
    from mmengine.dataset import DefaultSampler
    from torch.utils.data import DataLoader

    from cdb_video.metrics.class_accuracy import ClassAccuracy

    seen = {}
    for size in SIZES:
        dataset = Indices(np.zeros(size, int))
        sampler = DefaultSampler(dataset, shuffle=shuffle, seed=5, round_up=round_up)
        metric = ClassAccuracy(num_classes=4, topk=1)
        metric.set_clip_counts(np.bincount([outcome_of(i)[0] for i in range(size)], minlength=4))
        for batch in DataLoader(dataset, batch_size, sampler=sampler, collate_fn=list):
            outcomes = [outcome_of(index) for index in batch]
            samples = [{'pred_score': scores, 'gt_label': torch.tensor([label])} for label, scores in outcomes]
            metric.process(None, samples)
        results = metric.evaluate(size)
        outcomes = None if metric.outcomes_ is None else [part.tolist() for part in metric.outcomes_]
        seen[size] = metric.counts_.num_clips.tolist(), metric.counts_.num_correct.tolist(), results, outcomes
    return seen


@pytest.mark.parametrize('processes', [2, 3, pytest.param(4, marks=pytest.mark.long)])
def test_every_clip_counts_once_whatever_the_remainder(processes):
    for round_up, shuffle in itertools.product((True, False), repeat=2):
        expected = counts_of(0, round_up, shuffle)
        ranks = in_processes(processes, counts_of, round_up, shuffle)
        for size, (num_clips, *_) in expected.items():
            assert num_clips == np.bincount([outcome_of(i)[0] for i in range(size)], minlength=4).tolist()
            assert ranks[0][size] == expected[size]
            for rank in ranks[1:]:
                assert rank[size][:3] == expected[size][:3]


def broken_evaluations(rank, folder):
    """Errors of evaluations in which something is wrong in rank 1 only, or in the sampler."""
    from cdb_video.metrics.class_accuracy import ClassAccuracy

    os.chdir(folder)

    def evaluate(label, size=4, number=2, score=1.0):
        metric = ClassAccuracy()
        for _ in range(number):
            metric.process(None, [{'pred_score': torch.tensor([0.0, score]), 'gt_label': torch.tensor(label)}])
        return error_of(lambda: metric.evaluate(size))

    return {
        'label': evaluate([2 if rank == 1 else 0]),
        'labels': evaluate([0, 1] if rank == 1 else [0]),
        'nan': evaluate([0], score=float('nan') if rank == 1 else 1.0),
        'share': evaluate([0], number=4),
        'empty': evaluate([0], number=0),
        'sound': evaluate([0]),
        'files': os.listdir(folder),
    }


def test_error_of_one_process_ends_the_evaluation_of_all(tmp_path):
    zero, one = in_processes(2, broken_evaluations, str(tmp_path))
    for case in ('label', 'labels', 'nan', 'share', 'empty'):
        assert zero[case][:2] == one[case][:2]
    assert 'a clip has label 2, but the model scores 2 classes' in zero['label'][1]
    assert zero['label'][2] == ['(raised in process 1)']
    assert 'gt_label has 2 values' in zero['labels'][1]
    assert 'scores of 2 of 4 clips hold NaN' in zero['nan'][1]
    assert 'process 0 of 2 has evaluated 4 clips, and its share of 4 is 2' in zero['share'][1]
    assert 'no clip was evaluated' in zero['empty'][1]
    # A later evaluation is sound, and nothing was left in, or went through, the folder.
    assert zero['sound'] is one['sound'] is None
    assert zero['files'] == one['files'] == []


DDP = {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False}


def build(work_dir, **changes):
    from tests.support.runs import make_runner

    options = {'launcher': 'pytorch', 'model_wrapper_cfg': DDP} if torch.distributed.is_initialized() else {}
    options['custom_hooks'] = [{'type': 'ClassDifficultyHook', 'report': False, 'live_report': False}]
    # mmengine asks compilers for their versions, which takes longer than the training.
    with mock.patch('mmengine.runner.runner.collect_env', return_value={}):
        return make_runner(work_dir, uuid.uuid4().hex, **options, **changes)


def train(rank, work_dir, number):
    """Train the toy model for three validations; what this rank agreed on and had after each."""
    from mmengine.hooks import Hook

    from tests.support.runs import hook_of

    seen = []

    class Note(Hook):
        priority = 'VERY_LOW'

        def after_val_epoch(self, runner, metrics=None):
            owner, sampler = hook_of(runner), runner.train_dataloader.sampler
            model = getattr(runner.model, 'module', runner.model)
            state = owner.state_
            vectors = state.difficulty, model.cls_head.loss_cls.class_weight.numpy(), sampler.class_probability
            seen.append(
                {
                    'hash': owner.agreement_,
                    'bits': [np.asarray(vector).tobytes() for vector in vectors],
                    'draw': sampler.draw_epoch().tolist(),
                    'num_clips': state.num_clips.tolist(),
                    'metrics': metrics,
                }
            )

    runner = build(work_dir, train_dataloader={'batch_size': TOTAL_BATCH // number})
    runner.register_hook(Note())
    runner.train()
    return seen


def counts_of_frozen(rank, checkpoint, work_dir):
    """The counts of one checkpoint on test sets with the remainders 0 to 3."""
    counts = {}
    for size in TESTED:
        loader = {'batch_size': 4, 'num_workers': 0, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
        dataset = {'type': 'ToyDataset', 'counts': [9, 7, 6, size - 22], 'seed': 2}
        runner = build(
            Path(work_dir, str(size)),
            test_dataloader={**loader, 'dataset': dataset},
            test_cfg={},
            test_evaluator={'type': 'ClassAccuracy'},
            load_from=checkpoint,
            **dict.fromkeys(('train_dataloader', 'train_cfg', 'optim_wrapper'), ...),
        )
        results = runner.test()
        found = runner.test_loop.evaluator.metrics[0].counts_
        counts[size] = found.num_clips.tolist(), found.num_correct.tolist(), results
    return counts


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """The runs with 1 to 4 processes, by their number: (work directory, what each rank saw)."""
    runs = {}
    for number in (1, 2, 3, 4):
        work_dir = str(tmp_path_factory.mktemp(f'processes_{number}'))
        runs[number] = (
            work_dir,
            ([train(0, work_dir, 1)] if number == 1 else in_processes(number, train, work_dir, number)),
        )
    return runs


@pytest.mark.long
@pytest.mark.slow
def test_all_processes_agree_after_each_of_three_validations(trained):
    for number in (2, 3, 4):
        _, ranks = trained[number]
        assert [len(seen) for seen in ranks] == [3] * number
        assert all(seen == ranks[0] for seen in ranks)
        hashes = [note['hash'] for note in ranks[0]]
        assert len(set(hashes)) == 3
        assert all(len(one) == 16 for one in hashes)
        assert all(note['num_clips'] == [9, 8, 7, 6] for note in ranks[0])
    assert [note['hash'] for note in trained[1][1][0]] == [None] * 3


@pytest.mark.long
@pytest.mark.slow
def test_one_checkpoint_has_the_same_counts_in_one_to_four_processes(trained, tmp_path):
    checkpoint = str(Path(trained[1][0], 'epoch_3.pth'))
    expected = counts_of_frozen(0, checkpoint, tmp_path / '1')
    assert [num_clips for num_clips, *_ in expected.values()] == [[9, 7, 6, size - 22] for size in TESTED]
    assert all(sum(num_correct) > 0 for _, num_correct, _ in expected.values())
    for number in (2, 3, 4):
        for counts in in_processes(number, counts_of_frozen, checkpoint, str(tmp_path / str(number))):
            assert counts == expected
