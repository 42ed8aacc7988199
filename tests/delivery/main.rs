//! What waits in the spool reaches the four places where the API may want it, each a real one, once each.

#[path = "../system/api.rs"]
mod api;
mod check;
mod django;
mod faults;
#[path = "../shared/files.rs"]
mod files;
mod local;
#[path = "../system/process.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod process;
mod proxy;
mod pypi;
mod rows;
mod s3;
mod slow;
mod spool;
mod sshd;
mod tls;
mod token;
mod volume;
