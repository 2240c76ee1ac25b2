"""One file per subject of the web process; each offers a `router`."""

from api.routes import (
    accounts,
    deliveries,
    docs,
    events,
    health,
    images,
    metrics,
    operation,
    operation_pages,
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
    operation.router,
    operation_pages.router,
    deliveries.router,
    health.router,
    metrics.router,
    docs.router,
)
