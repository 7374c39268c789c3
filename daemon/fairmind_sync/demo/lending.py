"""Makes the demo's bias tests: trains loan models on made-up applicants, and computes their fairness metrics.

The applicants are made up; past approvals favoured one group beyond what income and debt explain.
Group metrics follow Hardt, Price and Srebro, 'Equality of Opportunity in Supervised Learning', NeurIPS 2016;
'disparate impact' is the four-fifths rule of the US EEOC guidelines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

Labels = NDArray[np.bool_]

THRESHOLDS = (0.35, 0.45, 0.55, 0.65)
GROUPS = ("men", "women")
_APPLICANTS = 3_000
_FOUR_FIFTHS = 0.8
_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class BiasTest:
    """The arguments of one save."""

    test_id: str
    model_id: str
    results: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Applicants:
    features: NDArray[np.float64]
    approved: Labels
    is_woman: Labels


def bias_tests(seed: int = 7) -> Iterator[BiasTest]:
    """Yields a test of each of five models at each of four thresholds."""
    chance = np.random.default_rng(seed)
    past, present = _applicants(chance), _applicants(chance)
    for name, model in _models(seed).items():
        model.fit(past.features, past.approved)
        scores = model.predict_proba(present.features)[:, 1]
        for threshold in THRESHOLDS:
            yield _bias_test(name, model, threshold, present, scores >= threshold)


def _models(seed: int) -> dict[str, Any]:
    return {
        "logistic-regression": LogisticRegression(),
        "decision-tree": DecisionTreeClassifier(max_depth=5, random_state=seed),
        "random-forest": RandomForestClassifier(n_estimators=40, max_depth=6, random_state=seed),
        "naive-bayes": GaussianNB(),
        "nearest-neighbours": KNeighborsClassifier(n_neighbors=25),
    }


def _applicants(chance: np.random.Generator) -> _Applicants:
    is_woman = chance.random(_APPLICANTS) < 0.5  # noqa: PLR2004 half of them
    income = chance.normal(50, 12, _APPLICANTS) - 4 * is_woman
    debt = chance.gamma(2, 8, _APPLICANTS)
    years = chance.poisson(6, _APPLICANTS)
    merit = 0.08 * (income - 48) - 0.05 * (debt - 16) + 0.1 * (years - 6)
    approved = merit - 0.6 * is_woman + chance.logistic(0, 0.7, _APPLICANTS) > 0
    return _Applicants(np.column_stack([income, debt, years, is_woman]), approved, is_woman)


def _bias_test(
    name: str, model: Any, threshold: float, people: _Applicants, predicted: Labels
) -> BiasTest:
    by_group = {
        group: _rates(people.approved[mask], predicted[mask])
        for group, mask in zip(GROUPS, (~people.is_woman, people.is_woman), strict=True)
    }
    metrics = _performance(people.approved, predicted) | _fairness(by_group)
    return BiasTest(
        test_id=f"{name}-at-{threshold:.2f}",
        model_id=name,
        results=metrics | _verdict(metrics) | {"groups": by_group},
        metadata={
            "model_type": type(model).__name__,
            "decision_threshold": threshold,
            "applicants": len(predicted),
            "protected_attributes": ["gender"],
        },
    )


def _performance(actual: Labels, predicted: Labels) -> dict[str, Any]:
    return {
        "accuracy": np.mean(actual == predicted),
        "precision": precision_score(actual, predicted, zero_division=0.0),
        "recall": recall_score(actual, predicted),
        "f1_score": f1_score(actual, predicted),
    }


def _rates(actual: Labels, predicted: Labels) -> dict[str, float]:
    """Returns a group's selection rate, and its true and false positive rates, each from 0 to 1."""
    return {
        "selection_rate": float(np.mean(predicted)),
        "true_positive_rate": float(np.mean(predicted[actual])),
        "false_positive_rate": float(np.mean(predicted[~actual])),
    }


def _fairness(by_group: dict[str, dict[str, float]]) -> dict[str, float]:
    men, women = (by_group[group] for group in GROUPS)
    gaps = {rate: abs(men[rate] - women[rate]) for rate in men}
    selected = sorted((men["selection_rate"], women["selection_rate"]))
    return {
        "demographic_parity_difference": gaps["selection_rate"],
        "equal_opportunity_difference": gaps["true_positive_rate"],
        "equalized_odds_difference": max(gaps["true_positive_rate"], gaps["false_positive_rate"]),
        "disparate_impact": selected[0] / selected[1] if selected[1] else float("nan"),
    }


def _verdict(metrics: dict[str, Any]) -> dict[str, Any]:
    checks = {
        "demographic parity": metrics["demographic_parity_difference"] <= _TOLERANCE,
        "equal opportunity": metrics["equal_opportunity_difference"] <= _TOLERANCE,
        "equalized odds": metrics["equalized_odds_difference"] <= _TOLERANCE,
        "the four-fifths rule": metrics["disparate_impact"] >= _FOUR_FIFTHS,
    }
    failed = [name for name, passed in checks.items() if not passed]
    return {
        "overall_bias_detected": bool(failed),
        "risk_level": ("low", "medium", "high", "high", "critical")[len(failed)],
        "metrics_passed": len(checks) - len(failed),
        "metrics_failed": len(failed),
        "summary": f"fails {', '.join(failed)}" if failed else "passes all checks",
    }
