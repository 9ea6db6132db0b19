# One image for web, worker and beat; the command says which.
# A tag moves; name@sha256:… does not. docs/releasing.md says how to get and renew it.
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements/ requirements/
# The build's own tools are locked and hashed like the rest, and stay behind in this stage.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock \
    && python -m venv /opt/newsletter \
    && /opt/newsletter/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md ./
COPY newsletter/ newsletter/
COPY workers/ workers/
COPY subscribers/ subscribers/
COPY templates/ templates/
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/newsletter/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /data newsletter \
    && mkdir /data && chown newsletter /data
COPY --from=build /opt/newsletter /opt/newsletter
ENV PATH=/opt/newsletter/bin:$PATH DATA_DIR=/data PYTHONUNBUFFERED=1
USER newsletter
WORKDIR /data
VOLUME /data
EXPOSE 8000
CMD ["newsletter", "web"]
