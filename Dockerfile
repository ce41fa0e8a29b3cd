# The operator's image. Two ways to build it, the same result:
#   docker build -t locust-operator .            compiles inside
#   make image                                   compiles outside, with the toolchain you have
ARG RUST_VERSION=1.95.0

FROM docker.io/library/rust:${RUST_VERSION} AS build
WORKDIR /src
COPY . .
RUN ./build-static.sh /locust-operator

FROM scratch
COPY --from=build /locust-operator /locust-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/locust-operator"]
