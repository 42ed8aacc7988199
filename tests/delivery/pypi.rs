//! Where `scripts/test` installs programs from PyPI.

use std::path::{Path, PathBuf};

/// In a virtual environment beside the build, since Debian keeps its own Python to itself.
pub fn program(path: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    target.join(path)
}
