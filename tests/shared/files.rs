//! What is in the project's folders, for tests that hold them together.

use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder that is there.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
