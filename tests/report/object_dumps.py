"""Small runs of a detector to report on: images with drawn objects, a dump as DumpObjects writes it, a class report."""

import json
import pickle

import cv2
import numpy as np

NAMES = ('cat', 'dog <b>', 'owl', 'never')
CONFIG = "default_scope = 'mmdet'\nmodel = dict()\n"
METRICS = {
    'lvis/bbox_AP': 0.31,
    'lvis/bbox_APr': 0.1,
    'lvis/bbox_APc': 0.3,
    'lvis/bbox_APf': 0.4,
    'lvis/bbox_APs': -1.0,
    'lvis/cat_precision': 0.5,
    'lvis/dog <b>_precision': 0.25,
    'lvis/owl_precision': 0.125,
    'lvis/never_precision': None,  # as JSON has NaN
    'obj/many_shot': 0.6,
}
WIDTH, HEIGHT = 96, 64


def make_images(count=20, num_classes=4, seed=0, missed=0.2, confused=0.2):
    """Entries of a dump of so many images, some without objects; the last class has none, and is predicted at times."""
    generator = np.random.default_rng(seed)
    entries = []
    for index in range(count):
        number = int(generator.integers(0, 5))
        labels = generator.integers(0, num_classes - 1, number)
        low = generator.integers(0, 30, (number, 2)).astype(np.float32)
        boxes = np.concatenate([low, low + generator.integers(8, 30, (number, 2))], axis=1).astype(np.float32)
        chance = generator.random(number)
        answers = np.where(chance < missed, num_classes, labels)
        wrong = (chance >= missed) & (chance < missed + confused)
        answers[wrong] = (labels + generator.integers(1, num_classes, number))[wrong] % num_classes
        is_missed = answers == num_classes
        scores = np.where(is_missed, np.nan, generator.random(number)).astype(np.float32)
        found = np.where(is_missed[:, None], np.nan, boxes + 1).astype(np.float32)
        entries.append(
            {
                'img_path': f'data/val/{index:06d}.png',
                'num_classes': num_classes,
                'gt_labels': labels.astype(np.int64),
                'answers': answers.astype(np.int64),
                'scores': scores,
                'gt_bboxes': boxes,
                'bboxes': found,
            }
        )
    return entries


def counts_of(entries):
    """(C,) clips, right and missed ones, one object after the other."""
    size = entries[0]['num_classes']
    counts = [[0] * size for _ in range(3)]
    for entry in entries:
        for label, answer in zip(entry['gt_labels'].tolist(), entry['answers'].tolist(), strict=True):
            counts[0][label] += 1
            counts[1][label] += label == answer
            counts[2][label] += answer == size
    return counts


def write_dump(path, entries):
    path.write_bytes(pickle.dumps(entries, protocol=2))  # the protocol of mmengine.dump
    return path


def write_images(folder, entries):
    """Every image, grey, its objects white."""
    for entry in entries:
        image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        for x1, y1, x2, y2 in entry['gt_bboxes'].astype(int):
            image[y1:y2, x1:x2] = 255
        path = folder / entry['img_path']
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)


def write_class_report(path, entries, metrics=METRICS, train_images=(500, 50, 5, 1), **changes):
    """A class report as a test of a detector writes it."""
    clips, correct, missed = counts_of(entries)
    size = len(clips)
    pairs = np.zeros((size, size), int)
    for entry in entries:
        for label, answer in zip(entry['gt_labels'], entry['answers'], strict=True):
            if answer < size:
                pairs[label, answer] += 1
    rows = [
        {
            'label': label, 'name': NAMES[label], 'train_count': 10 * train_images[label], 'num_clips': clips[label],
            'num_correct': correct[label], 'accuracy': None, 'difficulty': 0.5, 'weight': None, 'probability': None,
            'num_missed': missed[label], 'train_images': train_images[label],
        }
        for label in range(size)
    ]  # fmt: skip
    confusions = [[int(t), int(p), int(pairs[t, p])] for t, p in np.argwhere(pairs)]
    document = {'version': 1, 'split': 'test', 'epoch': 2, 'iter': 20, 'metrics': metrics, 'classes': rows}
    document |= {'confusions': confusions, 'shot_thresholds': [11, 100], **changes}
    path.write_text(json.dumps(document))
    return path


def write_run(folder, entries, seed=None, **report):
    """A work directory of a detector that was tested with a dump."""
    folder.mkdir(parents=True, exist_ok=True)
    write_dump(folder / 'predictions.pkl', entries)
    write_class_report(folder / 'class_report.json', entries, **report)
    (folder / 'own.py').write_text(CONFIG)
    randomness = '' if seed is None else f'randomness = dict(seed={seed})\n'
    (folder / '20260101_000000/vis_data').mkdir(parents=True)
    (folder / '20260101_000000/vis_data/config.py').write_text(f'{CONFIG}{randomness}')
    return folder
