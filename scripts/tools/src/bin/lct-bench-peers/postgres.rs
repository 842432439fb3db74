//! PostgreSQL: a cluster of its own in a temporary folder, visits partitioned by day, two indexes that cover every
//! question.

use std::fs;
use std::future::Future;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use lct_model::city::Stay;
use lct_tools::{Error, bound, process_cpu};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::peer::{Answer, Ingest, Peer, Purge, Watch};
use crate::work::{DAY, Question, Work};

const FIRST: &str = include_str!("../../../peers/postgresql/first.sql");
const SECOND: &str = include_str!("../../../peers/postgresql/second.sql");
/// How many visits go in one by one, and how many inserts are under way.
const ONE_BY_ONE: usize = 50_000;
const PIPELINE: usize = 256;
/// How many visits at most go into tables that have their indexes already.
const INDEXED: usize = 1_000_000;
/// No checkpoint and no vacuum in between, no wait for the disk at each commit, and a plan for the size of the work.
const SETTINGS: [&str; 12] = [
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=16GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "shared_buffers=2GB",
    "work_mem=128MB",
    "maintenance_work_mem=512MB",
    "random_page_cost=1.1",
    "max_parallel_workers_per_gather=0",
    "jit=off",
];
/// Questions are planned once and always by loops into the covering indexes: left to itself the planner is slower in
/// small cities (hash joins, second order) and no faster in large ones.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off";

/// A running cluster; ends with the value.
struct Cluster {
    process: Child,
    config: Config,
    _folder: TempDir,
}

/// PostgreSQL does not run as root; it is given the system's own user for it then.
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// `None`: the one who runs this.
    fn find() -> Result<Option<Self>, Error> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let line = users.lines().find(|line| line.starts_with("postgres:"));
        let mut fields = line.ok_or("there is no user postgres")?.split(':').skip(2);
        let mut number = || fields.next().and_then(|field| field.parse().ok());
        match (number(), number()) {
            (Some(uid), Some(gid)) => Ok(Some(Self { uid, gid })),
            _ => Err("no numbers for the user postgres in /etc/passwd".into()),
        }
    }
}

/// One of its programs, as the user it is to run as.
fn program(path: &Path, user: Option<&User>, cores: Option<&str>) -> Command {
    let Some(user) = user else {
        return bound(path, cores);
    };
    // setpriv forgets who to die with when it changes the user: it is told last.
    let mut command = bound(Path::new("setpriv"), cores);
    command
        .args(["--reuid", &user.uid.to_string()])
        .args(["--regid", &user.gid.to_string()])
        .args(["--clear-groups", "--pdeathsig", "QUIT", "--"])
        .arg(path);
    command
}

impl Cluster {
    fn start(programs: &Path, cores: Option<&str>) -> Result<Self, Error> {
        let user = User::find()?;
        let folder = tempfile::tempdir()?;
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        let (data, log) = (folder.path().join("data"), folder.path().join("log"));
        let password = uuid::Uuid::new_v4().to_string();
        let secret = folder.path().join("password");
        fs::write(&secret, &password)?;
        if let Some(user) = &user {
            chown(&secret, Some(user.uid), Some(user.gid))?;
        }
        let made = program(&programs.join("initdb"), user.as_ref(), None)
            .args(["--auth", "scram-sha-256", "--username", "lct"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .arg("--pwfile")
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .current_dir(folder.path())
            .output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(format!("initdb: {}", said.trim_end()).into());
        }

        // Free a moment ago; should another program be quicker, the server ends and says so.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let out = fs::File::create(&log)?;
        let mut command = program(&programs.join("postgres"), user.as_ref(), cores);
        command.arg("-D").arg(&data);
        let address = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".into(),
            "unix_socket_directories=".into(),
        ];
        for setting in SETTINGS
            .into_iter()
            .chain(address.iter().map(String::as_str))
        {
            command.args(["-c", setting]);
        }
        let process = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(port)
            .user("lct")
            .password(&password)
            .dbname("postgres");
        let mut cluster = Self {
            process,
            config,
            _folder: folder,
        };
        let start = Instant::now();
        while let Err(error) = Session::open(&cluster.config) {
            let ended = cluster.process.try_wait()?.is_some();
            if ended || start.elapsed() > Duration::from_secs(30) {
                let log = fs::read_to_string(log)?;
                return Err(format!("the server did not start: {error}\n{log}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(cluster)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Ours alone, and nothing in it is worth keeping: QUIT ends its children as well and takes their shared memory.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.process.wait();
    }
}

/// An error as the server tells it; by itself it only says "db error".
fn told(error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(told) => told.to_string().into(),
        None => error.into(),
    }
}

/// A connection with the runtime that drives it.
struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    fn open(config: &Config) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, Error>(client)
        })?;
        Ok(Self { runtime, client })
    }

    fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(work).map_err(told)
    }

    fn execute(&self, sql: &str) -> Result<(), Error> {
        self.wait(self.client.batch_execute(sql))
    }

    fn number(&self, sql: &str) -> Result<i64, Error> {
        Ok(self.wait(self.client.query_one(sql, &[]))?.try_get(0)?)
    }
}

pub(crate) struct Postgres {
    session: Session,
    first: Option<Statement>,
    second: Option<Statement>,
    watch: Option<Watch>,
    version: String,
    cluster: Cluster,
}

impl Postgres {
    /// The folder with `initdb` and `postgres`: Debian's newest, or where the PATH leads.
    pub(crate) fn programs() -> Option<PathBuf> {
        let versions = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten();
        let mut folders: Vec<(u32, PathBuf)> = versions
            .filter_map(|version| {
                let number = version.file_name().to_str()?.parse().ok()?;
                Some((number, version.path().join("bin")))
            })
            .collect();
        folders.sort();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let anywhere = std::env::split_paths(&path);
        folders
            .into_iter()
            .rev()
            .map(|(_, folder)| folder)
            .chain(anywhere)
            .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
    }

    pub(crate) fn start(programs: &Path, cores: Option<&str>) -> Result<Self, Error> {
        let cluster = Cluster::start(programs, cores)?;
        let session = Session::open(&cluster.config)?;
        let version = session.wait(session.client.query_one("SHOW server_version", &[]))?;
        let version: String = version.try_get(0)?;
        Ok(Self {
            session,
            first: None,
            second: None,
            watch: None,
            version,
            cluster,
        })
    }

    /// An empty table, with indexes or without.
    fn create(&self, work: &Work, indexed: bool) -> Result<(), Error> {
        self.session.execute(
            "DROP TABLE IF EXISTS visit; CREATE TABLE visit \
             (visitor bigint NOT NULL, space int NOT NULL, began bigint NOT NULL, ended bigint NOT NULL) \
             PARTITION BY RANGE (began)",
        )?;
        for day in 0..work.days() {
            let from = work.begin() + day * DAY;
            let to = from + DAY;
            self.session.execute(&format!(
                "CREATE TABLE visit_{day} PARTITION OF visit FOR VALUES FROM ({from}) TO ({to})"
            ))?;
        }
        if indexed { self.index() } else { Ok(()) }
    }

    fn index(&self) -> Result<(), Error> {
        self.session.execute(
            "CREATE INDEX ON visit (space, began) INCLUDE (ended, visitor); \
             CREATE INDEX ON visit (visitor, began) INCLUDE (space, ended)",
        )
    }

    fn insert(&self, work: &Work, stays: &[Stay]) -> Result<(), Error> {
        let client = &self.session.client;
        let insert = "INSERT INTO visit VALUES ($1, $2, $3, $4)";
        let insert = self.session.wait(client.prepare(insert))?;
        for stays in stays.chunks(PIPELINE) {
            let rows: Vec<Row> = stays.iter().map(|stay| Row::new(work, stay)).collect();
            self.session
                .wait(try_join_all(rows.iter().map(|row| async {
                    let Row(visitor, space, began, ended) = row;
                    client
                        .execute(&insert, &[visitor, space, began, ended])
                        .await
                })))?;
        }
        Ok(())
    }

    fn copy(&self, work: &Work, stays: &[Stay]) -> Result<(), Error> {
        let types = [Type::INT8, Type::INT4, Type::INT8, Type::INT8];
        self.session.wait(async {
            let copy = "COPY visit FROM STDIN (FORMAT binary)";
            let sink = self.session.client.copy_in(copy).await?;
            let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &types));
            for stay in stays {
                let Row(visitor, space, began, ended) = &Row::new(work, stay);
                writer
                    .as_mut()
                    .write(&[visitor, space, began, ended])
                    .await?;
            }
            writer.finish().await.map(|_| ())
        })
    }
}

/// visitor, space, began, ended, as the table holds them.
struct Row(i64, i32, i64, i64);

impl Row {
    fn new(work: &Work, stay: &Stay) -> Self {
        let span = work.town.span(stay);
        Self(
            work.town.visitor_number(stay.visitor).cast_signed(),
            stay.space.cast_signed(),
            span.start.cast_signed(),
            span.end.cast_signed(),
        )
    }
}

impl Peer for Postgres {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn about(&self) -> String {
        format!(
            "PostgreSQL {}, partitions by day, two covering indexes, numbers for names",
            self.version
        )
    }

    /// The server and its children, those that have ended included.
    fn cpu(&self) -> Result<f64, Error> {
        let server = self.cluster.process.id();
        let mut seconds = process_cpu(server) + ended_children(server)?;
        for entry in fs::read_dir("/proc")?.flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(pid) = pid
                && stat(pid).is_some_and(|fields| fields[1] == server.to_string())
            {
                seconds += process_cpu(pid);
            }
        }
        Ok(seconds)
    }

    fn load(&mut self, work: &Work) -> Result<Vec<Ingest>, Error> {
        let stays = &work.stays;
        let mut single = Ingest::new("one by one");
        self.create(work, true)?;
        let few = &stays[..stays.len().min(ONE_BY_ONE)];
        single.add(few.len(), || self.cpu(), || self.insert(work, few))?;

        let mut bulk = Ingest::new("bulk");
        self.create(work, true)?;
        let some = &stays[..stays.len().min(INDEXED)];
        bulk.add(some.len(), || self.cpu(), || self.copy(work, some))?;

        let mut later = Ingest::new("bulk, indexes after");
        self.create(work, false)?;
        later.add(
            stays.len(),
            || self.cpu(),
            || {
                self.copy(work, stays)?;
                self.index()
            },
        )?;
        // Once what was written without waiting is on disk, so that every page becomes all visible; without that,
        // looking into an index alone is not enough.
        for statement in ["CHECKPOINT", "VACUUM (ANALYZE, FREEZE) visit", PLANS] {
            self.session.execute(statement)?;
        }
        let prepare = |sql| {
            let types = [Type::INT8, Type::INT8, Type::INT8, Type::INT8];
            self.session
                .wait(self.session.client.prepare_typed(sql, &types))
        };
        let (first, second) = (prepare(FIRST)?, prepare(SECOND)?);
        (self.first, self.second) = (Some(first), Some(second));
        Ok(vec![single, bulk, later])
    }

    fn bytes(&mut self) -> Result<Option<f64>, Error> {
        let bytes = self.session.number(
            "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits \
             WHERE inhparent = 'visit'::regclass",
        )?;
        Ok(Some(bytes as f64))
    }

    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let statement = if question.second() {
            &self.second
        } else {
            &self.first
        };
        let statement = statement.as_ref().ok_or("not loaded")?;
        let visitor = work.town.visitor_number(visitor).cast_signed();
        let times = [question.from(work), work.at(), work.longest];
        let [from, at, longest] = times.map(u64::cast_signed);
        let start = Instant::now();
        let rows = self.session.wait(
            self.session
                .client
                .query(statement, &[&visitor, &from, &at, &longest]),
        )?;
        let took = start.elapsed();
        let number = |row: &tokio_postgres::Row| Ok(row.try_get(0).map(i64::cast_unsigned)?);
        let visitors = Box::new(move || rows.iter().map(number).collect());
        Ok(Answer { took, visitors })
    }

    fn watch(&mut self, work: &Work) -> Result<bool, Error> {
        let session = Session::open(&self.cluster.config)?;
        let read = "SELECT space, began, ended FROM visit WHERE visitor = $1";
        let read = session.wait(session.client.prepare(read))?;
        let visitor = work.town.visitor_number(work.sample[0]).cast_signed();
        self.watch = Some(Watch::start(move || {
            let rows = session.wait(session.client.query(&read, &[&visitor]));
            rows.map(|_| ())
        }));
        Ok(true)
    }

    fn longest_wait(&mut self) -> Result<Duration, Error> {
        self.watch.take().ok_or("nobody watches")?.longest()
    }

    fn purge(&mut self, work: &Work) -> Result<Option<Purge>, Error> {
        let count = "SELECT count(*) FROM visit";
        let held = self.session.number(count)?;
        let start = Instant::now();
        self.session.execute("DROP TABLE visit_0")?;
        let took = start.elapsed();
        let removed = held - self.session.number(count)?;
        Ok(Some(Purge {
            took,
            removed: removed.cast_unsigned(),
            expected: work.begun_on_the_first_day(),
        }))
    }
}

/// The fields of /proc/PID/stat after the name, the state first.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

/// Seconds of processor time of a process's children that have ended.
fn ended_children(pid: u32) -> Result<f64, Error> {
    const TICKS_A_SECOND: f64 = 100.0; // on every Linux of today
    let fields = stat(pid).ok_or("the server has ended")?;
    let ticks = fields.get(13..15).unwrap_or_default().iter();
    let ticks = ticks.map(|ticks| ticks.parse::<f64>());
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_A_SECOND)
}
