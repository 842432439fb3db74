//! What a Redis server says of itself (`INFO`), as far as operators look at it.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

/// The sections that are asked for.
pub const SECTIONS: [&str; 5] = ["server", "replication", "persistence", "modules", "lct"];

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Visits added since it started, in all graphs.
    pub visits_logged: u64,
    /// The module's version.
    pub module: String,
    /// What it is to other servers.
    pub role: Role,
    /// How many replicas it has.
    pub replicas: u64,
    /// Its append-only file.
    pub aof: Aof,
    /// Its snapshots.
    pub rdb: Rdb,
}

/// A server that starts notes that moment as its last snapshot, and as its start: within so many seconds of each other. (It
/// also counts snapshots, failed ones too, and forgets how many with CONFIG RESETSTAT.)
const STARTING: u64 = 1;

/// What a server is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another.
    Replica,
}

/// The append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Aof {
    /// Whether it is written.
    pub on: bool,
    /// Whether the last write and the last rewrite went well.
    pub ok: bool,
}

/// Snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rdb {
    /// Whether the last one went well.
    pub ok: bool,
    /// When the last good one was, in epoch milliseconds; null: the server has made none since it started.
    pub at: Option<u64>,
}

impl ServerInfo {
    /// Reads the answer to `INFO` with these [`SECTIONS`]; `None` if something is not there, as without the module.
    pub fn read(text: &str) -> Option<Self> {
        let fields: HashMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.trim_end().split_once(':'))
            .collect();
        let number = |name| fields.get(name)?.parse::<u64>().ok();
        let good = |name| Some(*fields.get(name)? == "ok");
        // Whole seconds by the same clock, so that their difference is when the server started, whatever became of that clock.
        let started =
            (number("server_time_usec")? / 1_000_000).checked_sub(number("uptime_in_seconds")?)?;
        let saved = number("rdb_last_save_time")?;
        Some(Self {
            visits_logged: number("lct_visits_logged")?,
            module: module_version(text)?,
            role: match *fields.get("role")? {
                "master" => Role::Primary,
                _ => Role::Replica,
            },
            replicas: number("connected_slaves")?,
            aof: Aof {
                on: number("aof_enabled")? == 1,
                ok: good("aof_last_write_status")? && good("aof_last_bgrewrite_status")?,
            },
            rdb: Rdb {
                ok: good("rdb_last_bgsave_status")?,
                at: (saved > started + STARTING).then_some(saved.checked_mul(1_000)?),
            },
        })
    }
}

/// The version of the module: 10203 is 1.2.3.
fn module_version(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("module:name=lct,ver="))?;
    let number: u64 = line.split(',').next()?.parse().ok()?;
    Some(format!(
        "{}.{}.{}",
        number / 10_000,
        number / 100 % 100,
        number % 100
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Server\r\nserver_time_usec:1795400000999999\r\nuptime_in_seconds:10000\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n# Persistence\r\nrdb_last_save_time:1795397939\r\n\
        rdb_last_bgsave_status:ok\r\naof_enabled:1\r\naof_last_bgrewrite_status:err\r\naof_last_write_status:ok\r\n\
        # Modules\r\nmodule:name=other,ver=1,api=1\r\nmodule:name=lct,ver=10203,api=1,filters=0\r\n# lct\r\nlct_visits_logged:77\r\n";

    #[test]
    fn what_a_server_says_is_read() {
        let info = ServerInfo::read(TEXT).expect("all there");
        let expected = ServerInfo {
            visits_logged: 77,
            module: "1.2.3".into(),
            role: Role::Primary,
            replicas: 2,
            aof: Aof {
                on: true,
                ok: false,
            },
            rdb: Rdb {
                ok: true,
                at: Some(1_795_397_939_000),
            },
        };
        assert_eq!(info, expected);
        let replica = TEXT.replace("role:master", "role:slave");
        assert_eq!(
            ServerInfo::read(&replica).map(|info| info.role),
            Some(Role::Replica)
        );
    }

    #[test]
    fn a_snapshot_that_was_never_made_has_no_time() {
        let at = |saved: &str, status: &str| {
            let text = TEXT
                .replace("1795397939", saved)
                .replace("rdb_last_bgsave_status:ok", status);
            ServerInfo::read(&text).map(|info| info.rdb)
        };
        // It started at 1795390000.
        let (ok, failed) = ("rdb_last_bgsave_status:ok", "rdb_last_bgsave_status:err");
        let rdb = |ok, at| Some(Rdb { ok, at });
        assert_eq!(at("1795389999", ok), rdb(true, None));
        assert_eq!(at("1795390001", ok), rdb(true, None));
        assert_eq!(at("1795390001", failed), rdb(false, None));
        assert_eq!(at("1795390002", ok), rdb(true, Some(1_795_390_002_000)));
        assert_eq!(
            at("1795390002", failed),
            rdb(false, Some(1_795_390_002_000))
        );
    }

    #[test]
    fn a_server_without_the_module_is_none() {
        for part in [
            "lct_visits_logged:77",
            "name=lct,",
            "role:master",
            "rdb_last_save_time:1795397939",
            "uptime_in_seconds:10000",
        ] {
            assert_eq!(ServerInfo::read(&TEXT.replace(part, "")), None, "{part}");
        }
        assert_eq!(ServerInfo::read(""), None);
    }
}
