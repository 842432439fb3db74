//! The gateway over real sockets: what is answered, refused, closed and in what time.
//!
//! Tests of the module's part need redis-server and the built module (`LCT_MODULE`, or the release build of this
//! workspace); where one is missing they say so and pass.

mod alerts;
mod client;
mod deadlines;
mod document;
mod doorbell;
mod frames;
mod http;
mod identity;
mod main_job;
mod program;
mod rules;
mod setup;
