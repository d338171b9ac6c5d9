# Targets: `daemon`, the default, is everything `mintwatch run` uses; `slim` is the same without charts.
# `make image` builds both; docs/howto/image.md says what is in them. A pipeline pins the base by digest:
#   --build-arg BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:...
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm
# Where packages come from and whom to trust in it, if not the usual; `make image` says what this machine is told.
ARG INDEX=
ARG CA=/etc/ssl/certs/ca-certificates.crt

# --- what builds: it comes by hash, like everything, and is only ever mounted where something is built --------------
FROM ${BASE_IMAGE} AS tools
ARG INDEX
ARG CA
WORKDIR /src
COPY requirements/tools.txt requirements/build.txt requirements/
COPY image/*.sh image/*.py /tools/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/tmp/uv \
    sh /tools/tools.sh

FROM tools AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY rules/ rules/
COPY monitor/ monitor/
RUN /tools/build/bin/hatchling build -t wheel -d /wheel && cp pyproject.toml /wheel/

# --- what runs: no pip, uv or compiler; nobody in particular; what changes is in the volume -------------------------
FROM ${BASE_IMAGE} AS ground
ENV PATH=/opt/mintwatch/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp \
    MINTWATCH_CONFIG=/etc/mintwatch/mintwatch.yml MINTWATCH__STATE=/state MINTWATCH__SERVE__ADDRESS=0.0.0.0:9464
WORKDIR /state
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    python3 -I /tools/bare.py && chown 10001:10001 /state
VOLUME /state
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python3", "-I", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/healthz' % os.environ['MINTWATCH__SERVE__ADDRESS'].rpartition(':')[2], timeout=4)"]
ENTRYPOINT ["mintwatch"]
CMD ["run", "--config", "/etc/mintwatch/mintwatch.yml"]
LABEL org.opencontainers.image.title="mintwatch" \
      org.opencontainers.image.description="Watches who mints tokens: Entra sign-in and Key Vault logs in, true incidents out" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="docs/howto/image.md"

# --- what mintwatch depends on: a layer without charts, and one with them over it -----------------------------------
FROM ground AS packages-slim
ARG INDEX
ARG CA
COPY requirements/slack.txt /opt/mintwatch/locked/
RUN --mount=type=bind,from=tools,source=/tools,target=/tools --mount=type=secret,id=ca \
    --mount=type=cache,target=/tmp/uv \
    sh /tools/packages.sh /opt/mintwatch/locked/slack.txt

FROM packages-slim AS packages-daemon
ARG INDEX
ARG CA
COPY requirements/daemon.txt /opt/mintwatch/locked/
RUN --mount=type=bind,from=tools,source=/tools,target=/tools --mount=type=secret,id=ca \
    --mount=type=cache,target=/tmp/uv \
    sh /tools/packages.sh /opt/mintwatch/locked/daemon.txt

# --- mintwatch itself: a change of code changes these layers only ---------------------------------------------------
FROM packages-slim AS slim
RUN --mount=type=bind,from=tools,source=/tools,target=/tools --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    sh /tools/code.sh
USER 10001:10001
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

FROM packages-daemon AS daemon
RUN --mount=type=bind,from=tools,source=/tools,target=/tools --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    sh /tools/code.sh
USER 10001:10001
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
