//! `listener report-update`: tells the indicator, for a script, what becomes of an update.

use crate::cli::ReportUpdateArgs;
use crate::status::report::{Report, Update};
use crate::status::socket::Reporter;

/// Tells it, at once or not at all: an update does not wait for being shown.
pub fn run(args: &ReportUpdateArgs) {
    let update = match &args.failed {
        // Whatever letters the name of a file on a stick is written in.
        Some(why) => Update::Failed(why.to_string_lossy().into_owned()),
        None if args.installing => Update::Installing,
        None => Update::Installed,
    };
    Reporter::to(&args.report_to).send(Report::Update(update));
}
