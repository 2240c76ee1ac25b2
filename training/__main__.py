"""`python -m training`: the same commands as `hilum train`."""

from training.commands import app

app()
