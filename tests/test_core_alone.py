"""The core without any host: numpy and torch train a toy, and reports need not even torch."""

import json
import subprocess
import sys

import pytest

from tests.report.dumps import write_history

HOSTS = ('mmengine', 'mmcv', 'mmaction', 'mmpretrain', 'mmdet', 'mim')
READERS = ('av', 'cv2', 'decord', 'simplejpeg', 'tqdm', 'rich', 'yaml', 'PIL')
REPORTING = ('plotly', 'matplotlib', 'scipy')
TOY = """
import json
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from cdb_video.difficulty import class_accuracy, class_difficulty
from cdb_video.losses import CDBLoss
from cdb_video.metrics import TrainingCounts
from cdb_video.samplers import CDBSampler


class Points(Dataset):
    metainfo = {'classes': ('many', 'some', 'few')}

    def __init__(self, counts, seed):
        self.labels = np.repeat(np.arange(3), counts)
        angle = 2 * np.pi * self.labels / 3
        noise = np.random.default_rng(seed).normal(size=(len(self.labels), 2))
        self.points = (np.stack([np.cos(angle), np.sin(angle)], 1) + 0.3 * noise).astype(np.float32)

    def get_labels(self):
        return self.labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.points[index], self.labels[index]


torch.manual_seed(0)
train, val = Points([60, 20, 5], 0), Points([10, 10, 10], 1)
sampler, model = CDBSampler(train, seed=0), torch.nn.Linear(2, 3)
model.loss_cls = CDBLoss(num_classes=3)
counter = TrainingCounts(model, 3)
loader = DataLoader(train, batch_size=8, sampler=sampler)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
accuracies = []
for epoch in range(4):
    sampler.set_epoch(epoch)
    for points, labels in loader:
        optimizer.zero_grad()
        model.loss_cls(model(points), labels).backward()
        optimizer.step()
    with torch.no_grad():
        right = model(torch.from_numpy(val.points)).argmax(1).numpy() == val.labels
    accuracy = class_accuracy(np.bincount(val.labels[right], minlength=3), np.bincount(val.labels))
    difficulty = class_difficulty(accuracy, min_difficulty=0.05)
    for part in (model.loss_cls, sampler):
        part.set_class_difficulty(difficulty, accuracy)
    accuracies.append(accuracy.mean())
clips, correct = counter.take()
print(json.dumps({
    'accuracies': accuracies, 'difficulty': difficulty.tolist(), 'weight': model.loss_cls.class_weight.tolist(),
    'probability': sampler.class_probability.tolist(), 'clips': int(clips.sum()),
}))
"""
EVERYTHING = """
import importlib, pkgutil
import cdb_video
for room in ('difficulty', 'losses', 'samplers'):
    package = importlib.import_module(f'cdb_video.{room}')
    for module in pkgutil.walk_packages(package.__path__, f'cdb_video.{room}.'):
        importlib.import_module(module.name)
import cdb_video.checks, cdb_video.class_names, cdb_video.classifier.heads, cdb_video.data.labels, cdb_video.processes
print(cdb_video.CDBLoss, cdb_video.CDBSampler, cdb_video.DifficultyTracker)
"""
REPORT = """
import runpy, sys
sys.argv = ['report', sys.argv[1]]
try:
    runpy.run_path('tools/report.py', run_name='__main__')
finally:
    print([name for name in ('torch', 'mmengine') if sys.modules.get(name)], file=sys.stderr)
"""


def run_without(names, code, repository, *arguments):
    """Run code in a process in which these packages are not installed; what it printed."""
    whole = f'import sys; sys.modules.update(dict.fromkeys({names!r}))\n{code}'
    done = subprocess.run(
        [sys.executable, '-c', whole, *arguments], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_loss_and_sampler_train_a_toy_with_numpy_and_torch_alone(repository):
    done = run_without(HOSTS + READERS + REPORTING, TOY, repository)
    warnings = done.stderr.splitlines()  # of the first epoch
    assert [line.partition(' has been handed no class')[0] for line in warnings] == ['CDBSampler', 'CDBLoss']
    seen = json.loads(done.stdout)
    assert seen['accuracies'][-1] > 0.85
    assert seen['clips'] == 4 * 85
    mean = sum(seen['difficulty']) / 3
    assert seen['weight'] == pytest.approx([value / mean for value in seen['difficulty']])
    assert seen['probability'] == pytest.approx([value / mean / 3 for value in seen['difficulty']])


def test_every_module_of_the_core_imports_with_numpy_and_torch_alone(repository):
    done = run_without(HOSTS + READERS + REPORTING, EVERYTHING, repository)
    assert 'cdb_video.losses.cdb.CDBLoss' in done.stdout
    assert 'cdb_video.samplers.cdb_sampler.CDBSampler' in done.stdout
    assert 'cdb_video.difficulty.tracking.tracker.DifficultyTracker' in done.stdout


def test_a_difficulty_that_nobody_hands_on_is_said_without_a_host_too(repository):
    code = """
import torch
from cdb_video.losses import CDBLoss
CDBLoss()(torch.zeros(2, 3), torch.tensor([0, 1]))
"""
    assert 'has been handed no class difficulty' in run_without(HOSTS, code, repository).stderr


def test_a_report_is_written_without_torch(repository, tmp_path):
    write_history(tmp_path / 'class_history.jsonl')
    done = run_without(('torch', *HOSTS), REPORT, repository, str(tmp_path))
    assert done.stderr.splitlines()[-1] == '[]'
    assert (tmp_path / 'report.html').exists()
