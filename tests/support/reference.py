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


def shares(label, num_classes):
    return label if isinstance(label, list) else [float(c == label) for c in range(num_classes)]


def filled(counts):
    """Counts with the rarest seen class in the place of those without clips."""
    return [n or min(m for m in counts if m) for n in counts]


def class_balanced_weights(counts, beta):
    raw = [1.0 / math.fsum(beta**k for k in range(n)) for n in filled(counts)]  # the sum is (1 - b^n) / (1 - b)
    seen = [w for w, n in zip(raw, counts, strict=True) if n]
    return [w * len(seen) / math.fsum(seen) for w in raw]


def margins(counts, largest):
    inverse = [1 / math.sqrt(math.sqrt(n)) for n in filled(counts)]
    return [largest * m / max(inverse) for m in inverse]


def ldam(scores, labels, counts, class_weight, max_margin, scale):
    """Mean over the rows; `scores` are s cos. Every class with a share is the label in its turn."""
    total = []
    for row, label in zip(scores, labels, strict=True):
        for c, y in enumerate(shares(label, len(row))):
            if y:
                moved = list(row)
                moved[c] -= scale * margins(counts, max_margin)[c]
                total.append(-class_weight[c] * y * log_softmax(moved)[c])
    return math.fsum(total) / len(labels)


def equalization(scores, labels, counts, threshold, form):
    """Mean over the rows; the softmax form with gamma = 1."""
    rare = [n / sum(counts) < threshold for n in counts]
    total = []
    for row, label in zip(scores, labels, strict=True):
        y = shares(label, len(row))
        w = [1 - rare[c] * (1 - y[c]) for c in range(len(row))]
        if form == 'sigmoid':
            for c, z in enumerate(row):
                p = 1 / (1 + math.exp(-z))
                total.append(-w[c] * (y[c] * math.log(p) + (1 - y[c]) * math.log(1 - p)))
        else:
            denominator = math.fsum(w[c] * math.exp(z) for c, z in enumerate(row))
            total.extend(-y[c] * (z - math.log(denominator)) for c, z in enumerate(row))
    return math.fsum(total) / len(labels)


def repeat_factors(counts, threshold):
    return [max(1.0, math.sqrt(threshold * sum(counts) / n)) if n else 1.0 for n in counts]


def progressive(counts, share):
    """Class probabilities."""
    seen = sum(n > 0 for n in counts)
    return [(1 - share) * n / sum(counts) + (share / seen if n else 0.0) for n in counts]
