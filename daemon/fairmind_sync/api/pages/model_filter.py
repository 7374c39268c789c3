"""The filter form above one model's chart: metrics, and one data set, type or user."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

_Word = Annotated[str, Field(max_length=500)]


class ModelFilter(BaseModel):
    """The form's fields; an empty one restricts nothing. Of the metrics, the first few are shown."""

    model_id: _Word
    metric: Annotated[list[_Word], Field(max_length=500)] = []
    dataset: _Word = ""
    type: _Word = ""
    user: _Word = ""

    @property
    def is_narrow(self) -> bool:
        return bool(self.dataset or self.type or self.user)
