"""`/help` and `/display-test`: what keys and signs mean, and whether this display is fit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from api.auth.access import allow_page
from api.dependencies import InContext
from api.images.gsdf import levels_to_measure
from archive.account_records import User

router = APIRouter(include_in_schema=False)

Person = Annotated[User, Depends(allow_page())]
# What a display for diagnosis has at least (ACR-AAPM-SIIM, Electronic Practice of Medical Imaging).
USUAL_BLACK, USUAL_WHITE = 1.0, 350.0


@router.get("/help", response_class=HTMLResponse)
def show_help(request: Request, context: InContext, user: Person) -> Response:
    """Return what the keys do and what the pages say."""
    review = context.settings.review
    return context.templates.TemplateResponse(
        request, "help.html", {"user": user, "review": review}
    )


@router.get("/display-test", response_class=HTMLResponse)
def display_test(
    request: Request,
    context: InContext,
    user: Person,
    black: Annotated[float, Query(allow_inf_nan=False)] = USUAL_BLACK,
    white: Annotated[float, Query(allow_inf_nan=False)] = USUAL_WHITE,
    ambient: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
) -> Response:
    """Return test patterns, and what a photometer should read of them."""
    fault, status = "", 200
    try:
        levels = levels_to_measure(black=black, white=white, ambient=ambient)
    except ValueError as error:
        levels, fault, status = (), str(error), 422
    measured = {"black": black, "white": white, "ambient": ambient}
    return context.templates.TemplateResponse(
        request,
        "display_test.html",
        {"user": user, "levels": levels, "fault": fault, **measured},
        status_code=status,
    )
