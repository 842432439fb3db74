//! The gateway between contact tracing clients and the LCT module.
//!
//! It translates and decides nothing: who was exposed, and who is alerted, is the module's answer. One file holds
//! one responsibility; from the socket inwards:
//!
//! | file | responsibility |
//! |---|---|
//! | [`config`], [`rules`] | flags, environment twins and their checks |
//! | [`gateway`] | puts the parts together, starts and ends them |
//! | [`server`], [`tls`] | the accept loop: caps, deadlines, certificates, HTTP/1.1 |
//! | [`address`], [`bucket`] | how much comes from one network, and how fast from one client |
//! | [`operator`] | what operators do by command instead |
//! | [`rest`] | the REST twins under `/v1`, and what describes them |
//! | [`tokens`], [`audit`], [`nonces`] | services that log visits, who used a token, and requests that were used before |
//! | [`routes`], [`ops`] | what clients and operators can ask for by HTTP |
//! | [`pages`] | the pages in `web/`, served from the binary |
//! | [`handshake`], [`origin`] | the WebSocket upgrade and which pages may ask for it |
//! | [`socket`], [`heartbeat`] | one WebSocket: limits, close codes, deadlines, signs of life |
//! | [`connection`] | the loop that carries bytes, timers and replies to and from a session |
//! | [`session`] | what a client may say and what it is answered: a state machine without I/O |
//! | [`protocol`], [`node_id`] | the messages |
//! | [`identity`], [`key_code`], [`crockford`] | who a client is and what it may do, and the code kept on paper |
//! | [`ids`], [`graphs`] | which names exist |
//! | [`request`], [`command`] | what a message asks for, checked, and carried out |
//! | [`policy`], [`caps`], [`codes`], [`feedback`] | what warnings ask, how much is too much, who may warn, what people say |
//! | [`situation`], [`rounded`] | how many warnings there were lately, for everybody; numbers as they may be told |
//! | [`module`], [`books`], [`redis_link`] | the module's commands, typed, the gateways' own books, and the connections to both |
//! | [`alerts`], [`doorbell`], [`registry`] | what an alert is, how gateways hear of it, and who is connected here |
//! | [`ending`], [`clock`], [`metrics`], [`latency`] | the end of it all, time, and numbers |
#![forbid(unsafe_code)]

pub mod address;
pub mod alerts;
pub mod audit;
pub mod books;
pub mod bucket;
pub mod caps;
pub mod clock;
pub mod codes;
pub mod command;
pub mod config;
pub mod connection;
pub mod crockford;
pub mod doorbell;
pub mod ending;
pub mod feedback;
pub mod gateway;
pub mod gone;
pub mod graphs;
pub mod handshake;
pub mod heartbeat;
pub mod identity;
pub mod ids;
pub mod key_code;
pub mod latency;
pub mod metrics;
pub mod module;
pub mod node_id;
pub mod nonces;
pub mod operator;
pub mod ops;
pub mod origin;
pub mod pages;
pub mod policy;
pub mod protocol;
pub mod redis_link;
pub mod registry;
pub mod request;
pub mod rest;
pub mod rounded;
pub mod routes;
pub mod rules;
pub mod server;
pub mod session;
pub mod situation;
pub mod socket;
pub mod tls;
pub mod tokens;
