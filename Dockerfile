# The image of Waymark. `docker build -t waymark:0.1.0 .`, then for example
#
#   docker run --read-only --tmpfs /tmp --stop-timeout 30 -p 127.0.0.1:8080:8080 -v waymark:/data \
#     -e WAYMARK_INGEST_KEYS=… -e WAYMARK_READ_KEYS=… waymark:0.1.0
#
# To update Deno: the version in package.json and DENO_VERSION below; a test holds them together.
# Debian throughout, because ClickHouse in process (chdb) needs glibc.
ARG DENO_VERSION=2.9.6
ARG NODE_VERSION=22.23.3

FROM denoland/deno:bin-${DENO_VERSION} AS deno

FROM node:${NODE_VERSION}-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Nothing that is needed at run time is built or fetched by a script.
RUN npm ci --omit=dev --ignore-scripts

FROM debian:trixie-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="waymark" \
      org.opencontainers.image.description="Exact city windows from ride events: an actor-based stream processor on Deno" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="UNLICENSED"

RUN groupadd --gid 10001 waymark \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin waymark \
  && install -d -o 10001 -g 10001 -m 0750 /data

WORKDIR /app
COPY --from=packages /app/node_modules node_modules
# The tasks call Deno where npm would put it, and workers may be started from there only. That permission is checked
# on the resolved path, so this is the file itself, and the name on the search path is the link.
COPY --from=deno /deno node_modules/deno/deno
RUN ln -s ../deno/deno node_modules/.bin/deno && ln -s /app/node_modules/deno/deno /usr/local/bin/deno
COPY deno.json package.json ./
COPY schemas schemas
COPY actors actors
COPY sql sql
COPY src src

ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    NO_COLOR=1 \
    WAYMARK_HOST=0.0.0.0 \
    WAYMARK_PORT=8080 \
    WAYMARK_DATA_DIR=/data
# Compiles every module now, which also fails when one is missing here: nothing can be written later.
RUN deno cache --quiet src/main.ts

USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Ready, not alive: what starts after it may send. Needs no program beside the shell that is here already.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --start-interval=2s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$WAYMARK_PORT && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r -t 4 status <&3 && [[ $status == *' 200 '* ]]"]
CMD ["deno", "task", "start"]
