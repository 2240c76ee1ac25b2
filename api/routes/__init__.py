"""One file per subject of the web process; each offers a `router`."""

from api.routes import deliveries, docs, health, metrics, pages, predict, studies

ALL_ROUTERS = (
    pages.router,
    predict.router,
    studies.router,
    deliveries.router,
    health.router,
    metrics.router,
    docs.router,
)
