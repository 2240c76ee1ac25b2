"""One file per subject of the web process; each offers a `router`."""

from api.routes import (
    accounts,
    deliveries,
    docs,
    events,
    health,
    images,
    metrics,
    pages,
    predict,
    reviews,
    session,
    sign_in,
    studies,
    ux,
)

ALL_ROUTERS = (
    pages.router,
    sign_in.router,
    session.router,
    accounts.router,
    predict.router,
    studies.router,
    reviews.router,
    images.router,
    events.router,
    ux.router,
    deliveries.router,
    health.router,
    metrics.router,
    docs.router,
)
