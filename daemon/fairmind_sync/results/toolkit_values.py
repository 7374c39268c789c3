"""Opens what toolkits hand over as values of their own, without importing the toolkits. Pure."""

from __future__ import annotations

from typing import Any


def opened(value: Any) -> object:
    """Returns the value as what Python or pandas has for it; the value itself if it is of no known kind.

    A polars DataFrame becomes a dictionary of lists by column, a polars Series a list, a fairlearn
    MetricFrame `overall`, `by_group` by metric, and the names of its features.
    """
    kind = type(value)
    match kind.__module__.partition(".")[0], kind.__name__:
        case "polars", "DataFrame":
            return value.to_dict(as_series=False)
        case "polars", "Series":
            return value.to_list()
        case "fairlearn", "MetricFrame":
            return _metric_frame(value)
        case _:
            return value


def _metric_frame(frame: Any) -> dict[str, object]:
    by_group, overall = frame.by_group, frame.overall
    if not hasattr(by_group, "columns"):  # of a single metric
        name = by_group.name
        by_group, overall = {name: by_group}, {name: overall}
    features = {
        "sensitive_features": frame.sensitive_levels,
        "control_features": frame.control_levels,
    }
    named = {key: [*levels] for key, levels in features.items() if levels}
    return {"overall": overall, "by_group": by_group, **named}
