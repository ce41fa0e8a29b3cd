# The operator's image. Two ways to build it, the same result:
#   docker build -t locust-operator .    compiles inside
#   make image                           compiles outside, with the toolchain and caches you have (BINARY=prebuilt)
ARG RUST_VERSION=1.95.0
ARG BINARY=compiled

FROM docker.io/library/rust:${RUST_VERSION} AS compiled
WORKDIR /src
COPY . .
RUN ./build-static.sh /locust-operator

FROM scratch AS prebuilt
COPY locust-operator /locust-operator

FROM ${BINARY} AS binary

FROM scratch
COPY --from=binary /locust-operator /locust-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/locust-operator"]
