"""How a list tells where its next page is (RFC 8288)."""

from urllib.parse import urlencode

from fastapi import Request, Response


def tell_next_page(request: Request, response: Response, **query: str | int | None) -> None:
    """Put the address of the next page into the Link header.

    Parameters
    ----------
    query
        What asks this list for that page; what is None is left out.
    """
    given = urlencode({name: value for name, value in query.items() if value is not None})
    response.headers["Link"] = f'<{request.url.path}?{given}>; rel="next"'
