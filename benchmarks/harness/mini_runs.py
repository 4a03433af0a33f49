"""Runs of the EGTEA-mini configs that stand where training begins, and times of their steps and validations."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from benchmarks.harness.measuring import Seconds, take_turns, timed
from benchmarks.harness.results import REPOSITORY
from cdb_video.data.labels import dataset_labels
from cdb_video.hooks.class_difficulty import ClassDifficultyHook
from cdb_video.metrics.class_accuracy import ClassAccuracy

CONFIGS = REPOSITORY / 'configs/egtea/mini'
ALONE, WITH = 'AccMetric alone', 'ClassAccuracy and hook'
BATCH, NUM_CLASSES = 16, 19


def make_runner(leaf: str, work_dir: Path, seed: int, **settings: Any) -> Runner:
    """A Runner of a mini leaf that stands where training begins."""
    config = Config.fromfile(CONFIGS / f'{leaf}.py')
    for part in ('train', 'val', 'test'):
        loader = {'num_workers': 0, 'persistent_workers': False}
        config.merge_from_dict({f'{part}_dataloader.{key}': value for key, value in loader.items()})
    name = uuid.uuid4().hex
    config.merge_from_dict({'work_dir': str(work_dir / name), 'experiment_name': name})
    config.merge_from_dict({'randomness': {'seed': seed}})
    for key, value in settings.items():
        config[key] = value
    runner = Runner.from_cfg(config)
    # The file of the log stays, as in a real run; the console is for the results.
    for handler in [one for one in runner.logger.handlers if not isinstance(one, logging.FileHandler)]:
        runner.logger.removeHandler(handler)
    # The beginning of Runner.train, which would go on to train.
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._val_loop = runner.build_val_loop(runner._val_loop)
    runner.call_hook('before_run')
    runner._init_model_weights()
    runner.call_hook('before_train')
    return runner


def measure_steps(work_dir: Path, steps: int, seed: int) -> list[Seconds]:
    """The times of training steps of the tiny SlowFast with plain cross-entropy; reading clips is not counted."""
    runner = make_runner('slowfast_ce', work_dir, seed)
    runner.model.train()
    batches = iter(runner.train_dataloader)
    runner.model.train_step(next(batches), optim_wrapper=runner.optim_wrapper)
    times = []
    for _ in range(steps):
        try:
            batch = next(batches)
        except StopIteration:
            batches = iter(runner.train_dataloader)
            batch = next(batches)
        seconds, _ = timed(partial(runner.model.train_step, batch, optim_wrapper=runner.optim_wrapper))
        times.append(seconds)
    return times


def measure_validations(work_dir: Path, rounds: int, seed: int) -> dict[str, list[Seconds]]:
    """The times of whole validations, with the plugin's parts and without."""
    plain = make_runner('slowfast_ce', work_dir, seed, val_evaluator={'type': 'AccMetric'}, custom_hooks=[])
    plugin = make_runner('slowfast_cdbws', work_dir, seed)
    return take_turns({ALONE: plain.val_loop.run, WITH: plugin.val_loop.run}, rounds)


def measure_parts(work_dir: Path, rounds: int, seed: int) -> dict[str, list[Seconds]]:
    """The times of the metrics and of the hook for one validation, without the network."""
    from mmaction.evaluation import AccMetric

    runner = make_runner('slowfast_cdbws', work_dir, seed)
    metric = runner.val_loop.evaluator.metrics[0]
    hook = next(hook for hook in runner.hooks if isinstance(hook, ClassDifficultyHook))
    labels = torch.from_numpy(dataset_labels(runner.val_dataloader.dataset))
    number = len(labels)
    generator = torch.Generator().manual_seed(seed)
    samples = [
        {'pred_score': score, 'gt_label': label[None]}
        for label, score in zip(labels, torch.rand((number, NUM_CLASSES), generator=generator), strict=True)
    ]

    def evaluate(metric: Any) -> dict[str, float]:
        for start in range(0, number, BATCH):
            metric.process(None, samples[start : start + BATCH])
        found: dict[str, float] = metric.evaluate(number)
        return found

    metrics = evaluate(metric)
    works: dict[str, Callable[[], Any]] = {
        'AccMetric': partial(evaluate, AccMetric()),
        'ClassAccuracy': partial(evaluate, ClassAccuracy()),
        'ClassDifficultyHook.after_val_epoch': lambda: hook.after_val_epoch(runner, metrics),
    }
    return take_turns(works, rounds)
