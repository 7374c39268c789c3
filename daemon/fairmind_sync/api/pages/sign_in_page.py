"""The pages /sign-in and /sign-out: check the token, set and delete the session's cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from fairmind_sync.api import session
from fairmind_sync.api.context import CurrentSettings
from fairmind_sync.api.pages.rendering import LONGEST_BACK, Back, render, to

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def sign_in_form(
    request: Request,
    settings: CurrentSettings,
    back: Annotated[str, Query(max_length=LONGEST_BACK)] = "/",
) -> HTMLResponse:
    return render(request, "sign_in.html", settings, back=back, name="", is_wrong=False)


@router.post("/sign-in")
def sign_in(
    request: Request,
    settings: CurrentSettings,
    token: Annotated[str, Form(max_length=1000)],
    name: Annotated[str, Form(max_length=session.LONGEST_NAME)] = "",
    back: Back = "/",
) -> Response:
    tokens = session.tokens_of(settings)
    mine = [one for one in tokens if one.is_mine(token.encode())]
    if tokens and not mine:
        return render(request, "sign_in.html", settings, 401, back=back, name=name, is_wrong=True)
    answer = to(back)
    for one in mine:
        answer.set_cookie(
            session.COOKIE,
            one.session(name.strip()),
            max_age=session.LASTS_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return answer


@router.post("/sign-out")
def sign_out() -> RedirectResponse:
    answer = to("/sign-in")
    answer.delete_cookie(session.COOKIE, httponly=True, samesite="strict")
    return answer
