//! The stand-in for the API keeps to the contract: the lines of its table of requests, and what its summary says.
#![cfg(feature = "demo-api")]

#[path = "demo_api/server.rs"]
mod server;

#[path = "demo_api/calls.rs"]
mod calls;
#[path = "demo_api/connections.rs"]
mod connections;
#[path = "demo_api/kept.rs"]
mod kept;
#[path = "demo_api/notify.rs"]
mod notify;
#[path = "demo_api/rows.rs"]
mod rows;
#[path = "demo_api/seen.rs"]
mod seen;
