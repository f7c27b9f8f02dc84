# vordr in a small image: built in one stage, run by a user without rights in another; and one in nginx's place.

ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# The one list of what a build needs; it installs what the image lacks.
COPY scripts/setup.sh scripts/
RUN scripts/setup.sh build
# An image for ARM may meet pages of 4 to 64 KiB, and jemalloc is built for one size and those below.
RUN if [ "$(uname -m)" = aarch64 ]; then \
        printf '[env]\nJEMALLOC_SYS_WITH_LG_PAGE = "16"\n' >>"$CARGO_HOME/config.toml"; \
    fi
# Relocations in a tenth of their room, a megabyte less in all; glibc knows how since 2.36, which Debian has from bookworm on.
ENV RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs"
# The dependencies in a layer of their own, which lasts until Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
COPY rules/Cargo.toml rules/
COPY proxy/Cargo.toml proxy/
RUN mkdir rules/src proxy/src \
    && echo '//! To come.' | tee rules/src/lib.rs proxy/src/lib.rs \
    && echo 'fn main() {}' >proxy/src/main.rs \
    && cargo build --release --locked --bin vordr
COPY rules/src rules/src
COPY proxy/src proxy/src
# The pages that `vordr help` shows.
COPY docs/rules docs/rules
# cargo goes by a file's time, and a checkout may be older than the placeholders above.
RUN touch rules/src/lib.rs proxy/src/lib.rs proxy/src/main.rs \
    && cargo build --release --locked --bin vordr

# What both images have.
FROM ${BASE_IMAGE} AS base
# Whom an https upstream's certificate is checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/target/release/vordr /usr/local/bin/

FROM base AS vordr
# As in nginx's image, so that the owners of mounted files still fit.
# The folder is for certificates from ACME; a volume belongs there.
RUN groupadd --system --gid 101 vordr \
    && useradd --system --uid 101 --gid vordr --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vordr \
    && install -d -o vordr -g vordr -m 700 /var/lib/vordr
COPY rules/examples/quickstart.kdl /etc/vordr/vordr.kdl
USER 101:101
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["vordr", "health"]
CMD ["vordr", "run"]

# In nginx's place (--target nginx-compat): its paths, its name, its entry point, its templates; docs/containers.md.
FROM base AS nginx-compat
# People's commands and health checks call them.
COPY scripts/setup.sh /tmp/
RUN /tmp/setup.sh nginx-compat && rm -rf /tmp/setup.sh /var/lib/apt/lists
# The files that vordr writes are its own, and logs go to whoever reads the container's.
RUN groupadd --system --gid 101 nginx \
    && useradd --system --uid 101 --gid nginx --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin nginx \
    && install -d -o nginx -g nginx /etc/nginx/conf.d /etc/nginx/templates /var/cache/nginx /var/log/nginx \
    && install -d -o nginx -g nginx -m 700 /var/lib/vordr \
    && install -o nginx -g nginx -m 644 /dev/null /run/nginx.pid \
    && ln -s /dev/stdout /var/log/nginx/access.log \
    && ln -s /dev/stderr /var/log/nginx/error.log \
    && ln -s /usr/local/bin/vordr /usr/sbin/nginx \
    && ln -s /usr/local/bin/vordr /usr/sbin/nginx-debug
COPY --chown=101:101 deploy/nginx/etc /etc/nginx
COPY deploy/nginx/html /usr/share/nginx/html
COPY deploy/nginx/docker-entrypoint.sh /
COPY deploy/nginx/docker-entrypoint.d /docker-entrypoint.d
# What nginx's language has no word for: where `vordr health` asks.
ENV VORDR_ADMIN=127.0.0.1:9180
USER 101:101
EXPOSE 80
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["vordr", "health"]
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["nginx", "-g", "daemon off;"]

# Without a --target it is vordr's own.
FROM vordr
