//! The gateway between contact tracing clients and the LCT module.
//!
//! It translates and decides nothing: who was exposed, and who is alerted, is the module's answer. One file holds
//! one responsibility; from the socket inwards:
//!
//! | file | responsibility |
//! |---|---|
//! | [`config`] | flags, environment twins and their checks |
//! | [`gateway`] | puts the parts together, starts and ends them |
//! | [`server`], [`tls`] | the accept loop: caps, deadlines, certificates, HTTP/1.1 |
//! | [`address`], [`bucket`] | how much comes from one network, and how fast from one client |
//! | [`routes`], [`ops`] | what clients and operators can ask for by HTTP |
//! | [`handshake`], [`origin`] | the WebSocket upgrade and which pages may ask for it |
//! | [`socket`], [`heartbeat`] | one WebSocket: limits, close codes, deadlines, signs of life |
//! | [`connection`] | the loop that carries bytes, timers and replies to and from a session |
//! | [`session`] | what a client may say and what it is answered: a state machine without I/O |
//! | [`protocol`], [`node_id`] | the messages |
//! | [`identity`], [`ids`], [`graphs`] | who a client is, and which names exist |
//! | [`command`], [`policy`] | what a session wants done, carried out through the module |
//! | [`module`], [`redis_link`] | the module's commands, typed, and the connections they travel on |
//! | [`alerts`], [`doorbell`], [`registry`] | what an alert is, how gateways hear of it, and who is connected here |
//! | [`ending`], [`clock`], [`metrics`] | the end of it all, time, and numbers |
#![forbid(unsafe_code)]

pub mod address;
pub mod alerts;
pub mod bucket;
pub mod clock;
pub mod command;
pub mod config;
pub mod connection;
pub mod doorbell;
pub mod ending;
pub mod gateway;
pub mod graphs;
pub mod handshake;
pub mod heartbeat;
pub mod identity;
pub mod ids;
pub mod metrics;
pub mod module;
pub mod node_id;
pub mod ops;
pub mod origin;
pub mod policy;
pub mod protocol;
pub mod redis_link;
pub mod registry;
pub mod routes;
pub mod server;
pub mod session;
pub mod socket;
pub mod tls;
