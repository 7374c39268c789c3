"""Typical results as users save them, each under the name of its snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

from fairmind_sync.intake.prepare import prepare
from fairmind_sync.results.delivery import NewResult

Save: TypeAlias = dict[str, Any]
"""The arguments of a save."""

SAVED_AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
_GROUPS = {
    "female": {"selection_rate": 0.31, "true_positive_rate": 0.62, "count": 412},
    "male": {"selection_rate": 0.44, "true_positive_rate": 0.71, "count": 588},
}

_ML_BIAS: Save = {
    "results": {
        "overall_bias_detected": True,
        "overall_risk": "high",
        "metrics_passed": 3,
        "metrics_failed": 1,
        "accuracy": 0.85,
        "demographic_parity": 0.13,
        "equalized_odds": 0.09,
        "disparate_impact": 0.7045454545454546,
        "summary": "Bias detected in 1 of 4 metrics.",
        "recommendations": ["Rebalance the training data.", "Review the threshold."],
    },
    "metadata": {"model_type": "classification", "protected_attributes": ["gender", "age"]},
}
_FAIRLEARN: Save = {
    "results": {
        "by_group": _GROUPS,
        "overall": {"selection_rate": 0.386, "true_positive_rate": 0.673, "count": 1000},
        "difference": {"selection_rate": 0.13, "true_positive_rate": 0.09},
        "ratio": {"selection_rate": 0.7045454545454546},
    },
    "metadata": {"toolkit": "fairlearn", "sensitive_features": ["sex"]},
}
_AIF360: Save = {
    "results": {
        "Statistical parity difference": -0.13,
        "Disparate impact": 0.7045454545454546,
        "Theil index": 0.11,
        "privileged": {"base_rate": 0.44, "num_instances": 588.0},
        "unprivileged": {"base_rate": 0.31, "num_instances": 412.0},
    },
    "metadata": {"toolkit": "aif360", "privileged_groups": [{"sex": 1}], "favorable_label": 1.0},
}
_NESTED: Save = {
    "results": {
        "groups": {"female": {"under 40": {"tpr": 0.6}, "over 40": {"tpr": 0.5, "fpr": 0.2}}},
        "findings": [{"score": 0.1, "label": "a"}, {"score": 0.3, "label": "b"}, "a text", 7],
    },
}
_LISTS: Save = {
    "results": {
        "scores": [0.25, 0.5, 0.75],
        "one": [3],
        "none": [],
        "flags": [True, False],
        "mixed": [1, "two", None],
        "matrix": [[1, 2], [3, 5]],
    },
}
_NOT_FINITE: Save = {
    "results": {
        "undefined": float("nan"),
        "endless": float("inf"),
        "group": {"below": float("-inf"), "finite": -0.0},
        "list": [1.0, float("nan")],
        "huge": 10**400,
        "large": 2**70,
    },
    "metadata": {"undefined": float("nan"), "bounds": [float("-inf"), 2**70]},
}
_KEYS: Save = {
    "test_id": "t-" + "long" * 70,
    "model_id": "modèle-" + "m" * 80,
    "results": {
        "k" * 300: 1.0,
        "précision": 0.5,
        "公平性": {"女性": 0.25, "⚖️": 0.75},
        "deep": {"x" * 150: {"y" * 150: 2.0}},
    },
    "metadata": {"ключ": "значение", "v" * 260: "a value"},
}
_ILLEGAL_KEYS: Save = {
    "results": {
        "": 1,
        "..": 2,
        "a/b": 3,
        "a": {"b": 4},
        "p(value)": 5,
        "x=1": 6,
        "x?1": 7,
        "_step": 8,
        "fairmind_sync": 9,
        " padded ": 10,
    },
    "metadata": {"user_id": "another", "a\nline": "x", "nul\0": "y"},
}
_LONG_TEXT: Save = {
    "results": {
        "risk_level": "medium",
        "summary": "The model was tested in many ways. " * 600,
        "accuracy": 0.5,
    },
    "metadata": {"notes": "n" * 7_000},
}
_LLM: Save = {
    "test_type": "llm_bias",
    "dataset_id": None,
    "results": {
        "overall_bias_detected": False,
        "risk_level": "low",
        "toxicity": {"mean": 0.02, "p95": 0.11},
        "stereotype_score": 0.48,
        "prompts": [{"prompt": "The nurse said that", "score": 0.4, "is_flagged": False}],
        "summary": {"tested": 200, "flagged": 3, "verdict": "no bias was found"},
    },
    "metadata": {"model": "gpt-x", "temperature": 0.7, "max_tokens": 256, "is_streaming": True},
}
_MULTIMODAL: Save = {
    "test_type": "multimodal_bias",
    "user_id": None,
    "results": {
        "image": {"demographic_parity": {"by_skin_tone": {"I-II": 0.91, "V-VI": 0.78}}},
        "audio": {"word_error_rate": {"accent_a": 0.08, "accent_b": 0.15}},
        "text": {"sentiment_gap": 0.04},
        "cross_modal": {"consistency": [0.9, 0.8, 0.85]},
    },
    "metadata": {"modalities": ["image", "audio", "text"], "sizes": {"image": 200, "audio": 80}},
}
_EMPTY: Save = {"user_id": None, "dataset_id": None, "results": {}, "metadata": None}
_METADATA: Save = {
    "results": {"accuracy": 1},
    "metadata": {
        "text": "quotes '\"` and a\nline",
        "nothing": None,
        "empty": "",
        "yes": True,
        "integer": 42,
        "largest": 2**63 - 1,
        "beyond": 2**63,
        "number": 0.1,
        "list": [1, None, "x", {"a": []}],
        "object": {"nested": {"deep": [True, 0.5]}},
        "no entries": {},
        "test_type": "not the test's own",
    },
}

TYPICAL: dict[str, Save] = {
    "fairmind_ml_bias": _ML_BIAS,
    "fairlearn_metric_frame": _FAIRLEARN,
    "aif360_metrics": _AIF360,
    "nested_groups": _NESTED,
    "lists_of_numbers": _LISTS,
    "not_finite": _NOT_FINITE,
    "long_and_unicode_keys": _KEYS,
    "illegal_keys": _ILLEGAL_KEYS,
    "long_text": _LONG_TEXT,
    "llm_test": _LLM,
    "multimodal": _MULTIMODAL,
    "empty": _EMPTY,
    "metadata_of_all_kinds": _METADATA,
}


def typical_result(name: str) -> NewResult:
    """The result as a save stores it; it happened at `SAVED_AT`."""
    arguments: dict[str, Any] = {
        "test_id": f"test-{name}",
        "user_id": "user-1",
        "model_id": "model-1",
        "dataset_id": "dataset-1",
        "test_type": "ml_bias",
        "metadata": {},
    }
    return prepare(**(arguments | TYPICAL[name]), private_fields=(), created_at=SAVED_AT)
