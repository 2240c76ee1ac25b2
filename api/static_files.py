"""Scripts and styles: under an address that changes with them, so that browsers keep them."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).with_name("web") / "static"
# Nothing in them is of a patient or a person: any cache may keep them.
FOREVER = "public, max-age=31536000, immutable"
VERSION_DIGITS = 12


class UnchangingFiles(StaticFiles):
    """Files that never change under their address."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file that a browser may keep."""
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = FOREVER
        return response


@cache
def versioned_path() -> str:
    """Return the address under which these very files are served."""
    digest = sha256()
    for file in sorted(FOLDER.rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(FOLDER).as_posix().encode() + b"\0" + file.read_bytes())
    return f"/static/{digest.hexdigest()[:VERSION_DIGITS]}"
