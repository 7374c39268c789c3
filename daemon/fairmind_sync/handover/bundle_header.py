"""What a bundle's header says of its sender, its recipient and what it
holds: validated before any of it is used.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fairmind_sync.errors import BundleError

_Form = TypeVar("_Form", bound=BaseModel)


class _NamedSender(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    name: str
    keys: str


class _NamedRecipient(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    name: str
    fingerprint: str


class BundleHeader(BaseModel):
    """A header as any site may have signed it; `sealed` is base64, and None where nothing is encrypted."""

    model_config = ConfigDict(strict=True, extra="ignore")

    kind: str
    key: str
    sender: Annotated[_NamedSender, Field(alias="from")]
    to: _NamedRecipient
    sealed: Annotated[str, Field(min_length=1)] | None = None
    sequence: object = None


def as_known(form: type[_Form], value: object, what: str) -> _Form:
    """Returns the value in the form that this version knows.

    Raises:
        BundleError: it has another form; the message begins with `what`, and names the first wrong field.
    """
    try:
        return form.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise BundleError(
            f"{what} is not what this version knows: {place}: {first['msg']}."
        ) from error
