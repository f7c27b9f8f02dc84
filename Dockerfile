# vordr in a small image: built in one stage, run by a user without rights in the other.

ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# The one list of what a build needs; it installs what the image lacks.
COPY scripts/setup.sh scripts/
RUN scripts/setup.sh build
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

FROM ${BASE_IMAGE}
# Whom an https upstream's certificate is checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# As in nginx's image, so that the owners of mounted files still fit.
# The folder is for certificates from ACME; a volume belongs there.
RUN groupadd --system --gid 101 vordr \
    && useradd --system --uid 101 --gid vordr --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vordr \
    && install -d -o vordr -g vordr -m 700 /var/lib/vordr
COPY --from=build /src/target/release/vordr /usr/local/bin/
COPY rules/examples/quickstart.kdl /etc/vordr/vordr.kdl
USER 101:101
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["vordr", "health"]
CMD ["vordr", "run"]
