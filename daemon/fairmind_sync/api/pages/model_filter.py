"""The filter form above one model's chart: metrics, and one data set, type or user."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from fairmind_sync.api.pages.rendering import link

_Word = Annotated[str, Field(max_length=500)]


class ModelFilter(BaseModel):
    """The form's fields; an empty one restricts nothing. Of the metrics, the first few are shown."""

    model_id: _Word
    metric: Annotated[list[_Word], Field(max_length=500)] = []
    dataset: _Word = ""
    type: _Word = ""
    user: _Word = ""
    page: Annotated[int, Field(ge=1, le=1000)] = 1

    def link(self, page: int) -> str:
        """Returns the address of another page of the same results."""
        fields = self.model_dump(exclude_defaults=True) | {"page": page if page > 1 else None}
        return link("/model", **fields)

    @property
    def narrow(self) -> dict[str, str]:
        """What restricts the results, by the names of a look-up."""
        return {"dataset_id": self.dataset, "test_type": self.type, "user_id": self.user}

    @property
    def is_narrow(self) -> bool:
        return bool(self.dataset or self.type or self.user)
