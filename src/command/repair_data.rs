//! `listener repair-data`: puts the data partition right before it is mounted.

use anyhow::Context;

use crate::cli::RepairDataArgs;
use crate::repair::ext4::Ext4;
use crate::repair::{Repaired, repair};

/// Says whether it may be mounted as if nothing had been.
pub fn run(args: &RepairDataArgs) -> anyhow::Result<bool> {
    let repaired = repair(&mut Ext4::on(&args.device)).with_context(|| args.device.display().to_string())?;
    match &repaired {
        Repaired::WasWell => log::debug!("{repaired}"),
        Repaired::PutRight => log::info!("{repaired}"),
        Repaired::BegunAnew | Repaired::LeftAsItIs(_) => log::error!("{repaired}"),
    }
    Ok(!matches!(repaired, Repaired::LeftAsItIs(_)))
}
