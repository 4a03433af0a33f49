"""A second, slow implementation of the formulas in plain loops, written apart from the package."""

import math


def weights(correct, total, tau):
    """Class weights by the text of the papers; absent classes take the mean of the measured."""
    accuracy = [c / t if t else None for c, t in zip(correct, total, strict=True)]
    measured = [a for a in accuracy if a is not None]
    fill = sum(1 - a for a in measured) / len(measured)
    difficulty = [fill if a is None else 1 - a for a in accuracy]
    high, low = max(measured), min(measured)
    if tau == 'dynamic':
        tau = 2 / (1 + math.exp(-(high / (low + 0.01) - 1)))
    elif tau == 'dynamic-egtea':
        tau = 1 / (1 + math.exp(-(high / (low + 0.01))))
    powers = [d**tau for d in difficulty]
    if sum(powers) == 0:
        powers = [1.0] * len(powers)
    return difficulty, accuracy, [p * len(powers) / sum(powers) for p in powers]


def log_softmax(scores):
    top = max(scores)
    log_sum = top + math.log(math.fsum(math.exp(s - top) for s in scores))
    return [s - log_sum for s in scores]


def loss(scores, labels, class_weight, reduction, gamma=0.0, adjustment=None):
    """Mean or weighted mean over the rows; a label is a class or a list of C shares."""
    total, weight_sum = [], []
    for row, label in zip(scores, labels, strict=True):
        if adjustment is not None:
            row = [s + a for s, a in zip(row, adjustment, strict=True)]
        log_p = log_softmax(row)
        shares = label if isinstance(label, list) else [float(c == label) for c in range(len(row))]
        for w, y, lp in zip(class_weight, shares, log_p, strict=True):
            if y:
                total.append(-w * y * (1 - math.exp(lp)) ** gamma * lp)
                weight_sum.append(w * y)
    divisor = len(labels) if reduction == 'mean' else math.fsum(weight_sum)
    return math.fsum(total) / divisor if divisor else 0.0
