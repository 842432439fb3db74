//! What the tests compare with: the contract as a brute-force model, the recorded data with its answers, and a
//! generated city for the benches.
//!
//! The model is written from the contract's sentences alone and shares no code with the graph. It is slow on purpose:
//! a flat list of visits, every question a loop over it.

pub mod city;
pub mod data;
mod model;
pub mod replay;
pub mod warnings;
mod window;

pub use model::{
    Cell, Exposure, HOUR, Id, Millis, Model, Order, Priority, Question, Span, Stats, Visit,
};
pub use window::{Asked, Limits, Window, WindowError};
