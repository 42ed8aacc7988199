#!/bin/sh
# Checks the crates against deny.toml, and that each is used. Known vulnerabilities need the database of RustSec; where that
# cannot be fetched, this says so.
set -eu
cd "$(dirname "$0")/../.."
. scripts/lib/install.sh

need_packages git
need_rust
need_cargo_deny_and_shear

cargo deny --locked check --hide-inclusion-graph licenses sources bans
cargo shear --locked
# A network that swallows packets must not hold the tests up.
if timeout 60 cargo deny --locked fetch db; then
    cargo deny --locked --offline check --hide-inclusion-graph advisories
else
    say "SKIPPED: the database of RustSec cannot be fetched; the crates were not checked for known vulnerabilities"
fi
