# The operator alone on nothing: its binary, the libraries it is linked with, certificates. No shell, no package manager.
#   docker build -t xo-operator:0.1.0 .
# Any Debian 12 will do as BASE_IMAGE; `make image` shows how one is made and builds without a daemon.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates cmake gcc libc6-dev libcurl4-openssl-dev libjansson-dev libssl-dev libwebsockets-dev libyaml-dev \
        ninja-build pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY pkg pkg
COPY cmd cmd
RUN cmake --preset release && cmake --build build/release --target xo-operator
COPY tools/image-root tools/image-root
RUN tools/image-root build/release/xo-operator /image

FROM scratch
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/xo-operator"]
