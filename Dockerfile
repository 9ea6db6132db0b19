# One image for web, worker and beat; the command says which.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/newsletter \
    && /opt/newsletter/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md ./
COPY newsletter/ newsletter/
COPY workers/ workers/
COPY subscribers/ subscribers/
COPY templates/ templates/
RUN /opt/newsletter/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data newsletter \
    && mkdir /data && chown newsletter /data
COPY --from=build /opt/newsletter /opt/newsletter
ENV PATH=/opt/newsletter/bin:$PATH DATA_DIR=/data PYTHONUNBUFFERED=1
USER newsletter
WORKDIR /data
VOLUME /data
EXPOSE 8000
CMD ["newsletter", "web"]
