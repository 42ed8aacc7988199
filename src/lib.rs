//! x
pub mod capture;
pub mod clock;
pub mod durable;
pub mod event;
pub mod limits;
pub mod segment;
pub mod spool;
