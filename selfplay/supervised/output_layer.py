"""The output layer fitted by itself: regularised multinomial logistic regression on the features of the hidden layers.

Where classes have other names, or lie otherwise among inputs that are like those before, the features of the hidden
layers still hold. The output layer has few weights, and a convex loss whose minimum some dozens of rows determine
(linear probing, Alain and Bengio 2016, 1610.01644; last-layer retraining, Kirichenko et al. 2022, 2204.02937).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

DECAY = 0.01  # on half of the sum of squares, of weights on standardised features, beside the sum of the rows' losses
ITERATIONS = 100  # of L-BFGS, at most
FOLDS = 5  # of cross-validation
FEWEST = 10  # rows


def fitted(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(weights [C, D], biases [C]), float64, of the layer that fits features [M, D] with labels [M] best, M ≥ 1. It
    begins at zero, so that it is determined by these."""
    centre = features.mean(axis=0)
    scale = max(float(np.sqrt(np.mean(np.sum((features - centre) ** 2, axis=1)))), 1e-12)  # one for all features
    z = np.column_stack([(features - centre) / scale, np.ones(len(features))])
    wanted = np.eye(classes)[labels]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        logs = log_softmax(z @ flat.reshape(classes, -1).T, axis=1)
        gradient = (np.exp(logs) - wanted).T @ z
        return float(-np.sum(logs * wanted) + DECAY / 2 * (flat @ flat)), gradient.ravel() + DECAY * flat

    best = minimize(loss, np.zeros(classes * z.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    found = best.x.reshape(classes, -1)
    weights = found[:, :-1] / scale
    return weights, found[:, -1] - weights @ centre


def predicted_by_others(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """[M] int64: the class of each row, M ≥ FEWEST, by a layer that is fitted to the other folds; a fold is every
    FOLDS-th row."""
    fold = np.arange(len(labels)) % FOLDS
    found = np.zeros(len(labels), np.int64)
    for number in range(FOLDS):
        held_out = fold == number
        weights, biases = fitted(features[~held_out], labels[~held_out], classes)
        found[held_out] = (features[held_out] @ weights.T + biases).argmax(axis=1)
    return found
