# One image for every part; docker-compose.yml says which part a container runs.
FROM python:3.12-slim-bookworm AS build
WORKDIR /opt/hilum
COPY requirements.lock ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE hilum.py ./
COPY config config
COPY archive archive
COPY dicom_node dicom_node
COPY inference inference
COPY training training
COPY api api
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable .

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/hilum --create-home hilum
COPY --from=build /opt/hilum /opt/hilum
ENV PATH=/opt/hilum/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER hilum
WORKDIR /var/lib/hilum
EXPOSE 11112 8000
ENTRYPOINT ["hilum"]
CMD ["serve"]
