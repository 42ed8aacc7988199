//! `listener provision`: what would be taken of a provisioning file.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;

use crate::limits::MAX_CONFIG_BYTES;
use crate::provision::{forecast, judge};

/// Says whether this file would be taken, and what to put right if not.
///
/// # Errors
/// When it cannot be read.
pub fn check(file: &Path, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read {}", file.display()))?;
    let judged = judge(&bytes, None);
    writeln!(out, "{}", forecast(&judged))?;
    Ok(judged.is_ok())
}
