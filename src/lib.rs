//! x
pub mod capture;
pub mod cli;
pub mod clock;
pub mod device_id;
pub mod config;
pub mod durable;
pub mod event;
pub mod limits;
pub mod segment;
pub mod spool;
pub mod upload;
