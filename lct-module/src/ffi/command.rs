//! Registers the commands with the server and receives its calls.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use lct_graph::Moment;
use redis_module::raw;

use super::context::Context;
use super::guard;
use super::key::{Key, Mode};
use super::string::Arg;
use crate::COMMANDS;
use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::options::Options;
use crate::resolved::Resolved;
use crate::spec::{Access, ArgumentDoc, DocKind, Spec};

/// One call of a command.
pub(crate) struct Call<'c> {
    /// The server, waiting.
    pub(crate) context: Context<'c>,
    /// The name of the graph's key.
    pub(crate) graph: &'c Arg,
    spec: &'static Spec,
    arguments: &'c [Arg],
    must_obey: bool,
}

impl<'c> Call<'c> {
    /// The arguments after the graph.
    pub(crate) fn arguments(&self) -> Arguments<'c, Arg> {
        Arguments::new(self.arguments)
    }

    /// Whether it must be obeyed, see [`Context::must_obey`].
    pub(crate) fn must_obey(&self) -> bool {
        self.must_obey
    }

    /// The event that tells of a change by this command, which bears its name.
    pub(crate) fn event(&self) -> &'static CStr {
        self.spec.name
    }

    /// The arguments as they were given, the graph included.
    pub(crate) fn resolved(&self) -> Resolved<'c> {
        Resolved::new(
            std::iter::once(self.graph)
                .chain(self.arguments)
                .map(Arg::bytes),
        )
    }

    /// Replicates this command with other arguments than it was given.
    pub(crate) fn replicate(&self, resolved: &Resolved<'_>) {
        let name = c_string(&self.spec.display_name());
        self.context.replicate(&name, resolved.words());
    }

    /// The options this command takes, which are the rest of `arguments`.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub(crate) fn options(&self, arguments: &mut Arguments<'c, Arg>) -> Result<Options> {
        Options::read(arguments, self.spec, self.must_obey)
    }

    /// The limits that hold for this call: none if it must be obeyed.
    pub(crate) fn limits(&self) -> Limits {
        if self.must_obey {
            Limits::NONE
        } else {
            Limits::current(self.context.now())
        }
    }

    /// What time it is: for a call that must be obeyed what it says itself, 0 where it says nothing.
    pub(crate) fn moment(&self, options: &Options) -> Moment {
        if self.must_obey {
            Moment {
                now: options.clock.unwrap_or(0),
                late: options.late.unwrap_or(0),
                expired: options.expired.unwrap_or(0),
            }
        } else {
            self.limits().moment()
        }
    }

    /// Opens the graph's key.
    pub(crate) fn open(&self, mode: Mode) -> Key<'c> {
        Key::open(self.context, self.graph, mode)
    }
}

/// What the server calls for the command in line `LINE` of the register.
unsafe extern "C" fn entry<const LINE: usize>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server's context of this call.
    let context = unsafe { Context::new(context) };
    // SAFETY: the server's arguments of this call, alive until it ends.
    let arguments = unsafe { Arg::slice(argv, argc) };
    let outcome = guard::catch(|| {
        let [_name, graph, arguments @ ..] = arguments else {
            return Err(Error::WrongArity);
        };
        let spec = &COMMANDS[LINE];
        (spec.run)(&Call {
            context,
            graph,
            spec,
            arguments,
            must_obey: context.must_obey(),
        })
    });
    if let Err(error) = outcome {
        context.reply_error(error);
    }
    raw::REDISMODULE_OK as c_int
}

type Entry = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut *mut raw::RedisModuleString,
    c_int,
) -> c_int;

/// One for each line of the register. A C function cannot carry data along, so that each needs its own.
const ENTRIES: [Entry; COMMANDS.len()] = [
    entry::<0>,
    entry::<1>,
    entry::<2>,
    entry::<3>,
    entry::<4>,
    entry::<5>,
    entry::<6>,
    entry::<7>,
    entry::<8>,
    entry::<9>,
    entry::<10>,
    entry::<11>,
    entry::<12>,
    entry::<13>,
    entry::<14>,
    entry::<15>,
    entry::<16>,
    entry::<17>,
    entry::<18>,
    entry::<19>,
    #[cfg(feature = "panic-command")]
    entry::<20>,
];

/// Registers every command; false if the server refuses one.
pub(super) fn register(context: Context<'_>) -> bool {
    add_category(context);
    COMMANDS
        .iter()
        .zip(ENTRIES)
        .all(|(spec, entry)| create(context, spec, entry) && describe(context, spec))
}

fn create(context: Context<'_>, spec: &Spec, entry: Entry) -> bool {
    let create = api!(RedisModule_CreateCommand);
    let flags = c_string(&spec.flags());
    // SAFETY: a context we were given, C strings the server copies, and a function that lives as long as the module.
    // The key is the first argument after the command's name.
    let status = unsafe {
        create(
            context.raw(),
            spec.name.as_ptr(),
            Some(entry),
            flags.as_ptr(),
            1,
            1,
            1,
        )
    };
    status == raw::REDISMODULE_OK as c_int
}

/// The category `@lct`, on servers that let modules have categories.
fn add_category(context: Context<'_>) {
    if let Some(add) = optional_api!(RedisModule_AddACLCategory) {
        // SAFETY: a context we were given and a C string.
        unsafe { add(context.raw(), c"lct".as_ptr()) };
    }
}

/// What COMMAND INFO, COMMAND DOCS and ACL know about a command; the server checks the arity with it.
fn describe(context: Context<'_>, spec: &Spec) -> bool {
    let get = api!(RedisModule_GetCommand);
    // SAFETY: a context we were given and the name of a command just created.
    let command = unsafe { get(context.raw(), spec.name.as_ptr()) };
    if let Some(set) = optional_api!(RedisModule_SetCommandACLCategories) {
        let categories = c_string(spec.categories());
        // SAFETY: our own command and a C string the server copies.
        unsafe { set(command, categories.as_ptr()) };
    }
    let mut arguments = RawArguments::default();
    let mut key_specs = [graph_key(spec), END_OF_KEY_SPECS];
    let info = raw::RedisModuleCommandInfo {
        version: &VERSION,
        summary: spec.summary.as_ptr(),
        complexity: spec.complexity.as_ptr(),
        since: c"0.1.0".as_ptr(),
        history: ptr::null_mut(),
        tips: ptr::null(),
        arity: spec.arity(),
        key_specs: key_specs.as_mut_ptr(),
        args: arguments.add(&spec.arguments()),
    };
    let set = api!(RedisModule_SetCommandInfo);
    // SAFETY: our own command; every list is terminated, alive during the call, and copied by the server.
    unsafe { set(command, &info) == raw::REDISMODULE_OK as c_int }
}

/// The sizes of the structures below, by which an older or newer server finds its way in them.
static VERSION: raw::RedisModuleCommandInfoVersion = raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
};

const END_OF_KEY_SPECS: raw::RedisModuleCommandKeySpec = raw::RedisModuleCommandKeySpec {
    notes: ptr::null(),
    flags: 0,
    begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID,
    bs: raw::RedisModuleCommandKeySpec__bindgen_ty_1 {
        index: raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 0 },
    },
    find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_OMITTED,
    fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
        range: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
            lastkey: 0,
            keystep: 0,
            limit: 0,
        },
    },
};

/// One key, the first argument.
fn graph_key(spec: &Spec) -> raw::RedisModuleCommandKeySpec {
    let flags = match spec.access {
        Access::Read => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
        Access::Grow | Access::Amend => {
            raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE
        }
        Access::Erase => raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_DELETE,
    };
    raw::RedisModuleCommandKeySpec {
        flags: u64::from(flags),
        begin_search_type: raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX,
        bs: raw::RedisModuleCommandKeySpec__bindgen_ty_1 {
            index: raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: 1 },
        },
        find_keys_type: raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE,
        fk: raw::RedisModuleCommandKeySpec__bindgen_ty_2 {
            range: raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
                lastkey: 0,
                keystep: 1,
                limit: 0,
            },
        },
        ..END_OF_KEY_SPECS
    }
}

/// Owns what the C structures that describe arguments point to.
#[derive(Default)]
struct RawArguments {
    lists: Vec<Vec<raw::RedisModuleCommandArg>>,
    strings: Vec<CString>,
}

impl RawArguments {
    /// A terminated list of `arguments`, alive as long as `self`.
    fn add(&mut self, arguments: &[ArgumentDoc]) -> *mut raw::RedisModuleCommandArg {
        let mut list: Vec<_> = arguments
            .iter()
            .map(|argument| self.argument(argument))
            .collect();
        list.push(Self::blank());
        let start = list.as_mut_ptr();
        self.lists.push(list);
        start
    }

    fn argument(&mut self, argument: &ArgumentDoc) -> raw::RedisModuleCommandArg {
        let (kind, parts): (_, &[ArgumentDoc]) = match &argument.kind {
            DocKind::Key => (raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY, &[]),
            DocKind::String | DocKind::Strings => (
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
                &[],
            ),
            DocKind::Integer => (
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
                &[],
            ),
            DocKind::Time => (
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_UNIX_TIME,
                &[],
            ),
            DocKind::Token => (
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
                &[],
            ),
            DocKind::OneOf(choices) => (
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
                choices,
            ),
            DocKind::Repeated(block) => (
                raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
                block,
            ),
        };
        let flags = match argument.kind {
            DocKind::Repeated(_) | DocKind::Strings => raw::REDISMODULE_CMD_ARG_MULTIPLE,
            _ if argument.is_optional => raw::REDISMODULE_CMD_ARG_OPTIONAL,
            _ => raw::REDISMODULE_CMD_ARG_NONE,
        };
        raw::RedisModuleCommandArg {
            name: self.string(&argument.name),
            type_: kind,
            key_spec_index: if matches!(argument.kind, DocKind::Key) {
                0
            } else {
                -1
            },
            token: argument
                .token
                .map_or(ptr::null(), |token| self.string(token)),
            flags: flags.cast_signed(),
            subargs: if parts.is_empty() {
                ptr::null_mut()
            } else {
                self.add(parts)
            },
            ..Self::blank()
        }
    }

    fn string(&mut self, text: &str) -> *const c_char {
        let string = c_string(text);
        let start = string.as_ptr();
        self.strings.push(string);
        start
    }

    const fn blank() -> raw::RedisModuleCommandArg {
        raw::RedisModuleCommandArg {
            name: ptr::null(),
            type_: 0,
            key_spec_index: 0,
            token: ptr::null(),
            summary: ptr::null(),
            since: ptr::null(),
            flags: 0,
            deprecated_since: ptr::null(),
            subargs: ptr::null_mut(),
            display_text: ptr::null(),
        }
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("the register holds no NUL")
}
