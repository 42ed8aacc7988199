# Debian 12 with what builds the program for its arm64; cross brings Rust. See cross.toml.
FROM debian:bookworm-slim

# gcc and libc6-dev are for the build scripts, which run here; ca-certificates is for cargo.
RUN dpkg --add-architecture arm64 && apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates gcc libc6-dev libclang-dev pkgconf gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
        libasound2-dev:arm64 libgstreamer1.0-dev:arm64 libgstreamer-plugins-base1.0-dev:arm64 libsqlite3-dev:arm64 \
    && rm -rf /var/lib/apt/lists/*

ENV CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
    PKG_CONFIG_ALLOW_CROSS_aarch64_unknown_linux_gnu=1 \
    PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
