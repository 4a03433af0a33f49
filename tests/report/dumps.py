"""Small runs to report on: a dump as `mim test --dump` writes it, a history, a class report."""

import json
import pickle

import numpy as np
import torch

from cdb_video.difficulty.history import append_lines
from cdb_video.difficulty.records import Derived, Header, Record

NAMES = ('lift', 'cut <script>alert(1)</script>', 'wash', 'pour', 'never')


def clip_name(index, session):
    return f'P{session:02d}-R01-Pizza-{1000 * index}-{1000 * index + 900}-F{24 * index:06d}-F{24 * index + 20:06d}'


def make_samples(count=60, num_classes=5, seed=0, sessions=6):
    """Samples of all classes but the last, which is sometimes predicted; scores are softmax outputs without ties."""
    generator = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        label = int(generator.integers(num_classes - 1))
        logits = generator.normal(size=num_classes)
        logits[label] += 1.2
        path = f'data/frames/P/{clip_name(index, 1 + index % sessions)}'
        samples.append(
            {
                'frame_dir': path,
                'total_frames': 20,
                'num_clips': 1,
                'gt_label': torch.tensor([label]),
                'pred_label': torch.tensor([int(logits.argmax())]),
                'pred_score': torch.softmax(torch.tensor(logits), 0).float(),
            }
        )
    return samples


def write_dump(path, samples):
    path.write_bytes(pickle.dumps(samples, protocol=2))  # the protocol of mmengine.dump
    return path


def mutated(content, generator):
    """Some bytes changed, cut out, doubled, or the end cut off; often a byte becomes a pickle code or an extreme."""
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 4))):
        place = int(generator.integers(len(changed)))
        kind = int(generator.integers(6))
        if kind < 3:
            changed[place] = int(generator.choice([*b'\x00\x7f\x80\xff.(rjXBR2bcl', int(generator.integers(256))]))
        elif kind == 3:
            changed[place : place + 4] = bytes(generator.choice([0, 255], 4).tolist())
        elif kind == 4:
            del changed[place : place + int(generator.integers(1, 9))]
        else:
            changed[place:place] = changed[place : place + int(generator.integers(1, 9))]
    return bytes(changed[: int(generator.integers(len(changed)))] if generator.random() < 0.05 else changed)


def write_history(path, epochs=3, counts=(400, 150, 90, 12, 3), names=NAMES, sources=()):
    """A history of so many records; `sources` are those of the first ones, the others are of validations."""
    generator = np.random.default_rng(1)
    size = len(counts)
    append_lines(path, Header('run', size, names, list(counts)))
    for epoch in range(1, epochs + 1):
        clips = [10] * (size - 1) + [0]
        correct = [int(value) for value in generator.integers(0, 11, size - 1)] + [0]
        accuracy = [right / 10 for right in correct[:-1]] + [None]
        difficulty = [1 - value for value in accuracy[:-1]] + [0.5]
        top1 = sum(correct) / sum(clips)
        of_other = epoch <= len(sources)
        record = Record(
            epoch=epoch,
            iteration=10 * epoch,
            num_clips=clips,
            num_correct=correct,
            accuracy=accuracy,
            difficulty=difficulty,
            consumers={'CDBLoss': Derived(1.0, weight=[2 * value for value in difficulty])},
            metrics={} if of_other else {'acc/top1': top1, 'acc/mean1': top1},
            source=sources[epoch - 1] if of_other else 'val',
        )
        append_lines(path, record)
    return path


def write_report(path, samples, names=NAMES, **changes):
    """A class_report.json of the same evaluation as the dump of `samples`."""
    labels = np.array([int(sample['gt_label']) for sample in samples])
    predicted = np.array([int(sample['pred_score'].argmax()) for sample in samples])
    rows = [
        {
            'label': label, 'name': name, 'train_count': None, 'num_clips': int((labels == label).sum()),
            'num_correct': int(((labels == label) & (predicted == label)).sum()), 'accuracy': None,
            'difficulty': None, 'weight': None, 'probability': None,
        }
        for label, name in enumerate(names)
    ]  # fmt: skip
    document = {'version': 1, 'split': 'test', 'epoch': 2, 'iter': 20, 'metrics': {}, 'classes': rows} | changes
    path.write_text(json.dumps(document))
    return path


def rescored(seed):
    """The same 80 clips with other scores, in another order."""
    samples = make_samples(count=80, seed=0)
    generator = np.random.default_rng(seed)
    for sample in samples:
        if generator.random() < 0.4:
            sample['pred_score'] = sample['pred_score'][generator.permutation(5)]
    return [samples[index] for index in generator.permutation(len(samples))]


def write_run(root, name, config, scores=0, seed=None, samples=None, names=NAMES):
    """The work directory of a run that was tested with a dump, with a history where the classes are the usual ones."""
    folder = root / name
    folder.mkdir()
    samples = samples or rescored(scores)
    write_dump(folder / 'predictions.pkl', samples)
    write_report(folder / 'class_report.json', samples, names=names)
    if len(names) == 5:
        write_history(folder / 'class_history.jsonl', names=names)
    randomness = '' if seed is None else f'randomness = dict(deterministic=False, diff_rank_seed=False, seed={seed})\n'
    (folder / f'{config}.py').write_text('model = dict()\n')
    # mmengine writes the seed of the command line into this copy only.
    (folder / '20260101_000000/vis_data').mkdir(parents=True)
    (folder / '20260101_000000/vis_data/config.py').write_text(f'model = dict()\n{randomness}')
    return folder
