# gnc with its examples: docker build -t gnc . && docker run --rm -it gnc gnc train /usr/share/gnc/examples/fashion.net
# The same packages as `test/system/package` installs into a clean root.
FROM debian:12 AS build
COPY . /gnc
WORKDIR /gnc
RUN rm -rf build && tools/setup && cd build && cpack -B packages

FROM debian:12-slim
COPY --from=build /gnc/build/packages/*.deb /tmp/
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/*.deb dataset-fashion-mnist \
  && rm -rf /tmp/*.deb /var/lib/apt/lists/*
WORKDIR /work
CMD ["gnc", "--help"]
