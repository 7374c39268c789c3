"""`python -m tests.docs_site`: builds the documents as a site into `site/`."""

from __future__ import annotations

import shutil
import sys

from tests.docs_site import SiteError, build
from tests.support.documents import CHECKOUT

SITE = CHECKOUT / "site"

if __name__ == "__main__":
    shutil.rmtree(SITE, ignore_errors=True)
    try:
        build(SITE)
    except SiteError as error:
        sys.exit(str(error))
    print(f"Look at it: {sys.executable} -m http.server --bind 127.0.0.1 --directory {SITE}")  # noqa: T201
