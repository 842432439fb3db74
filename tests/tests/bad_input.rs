//! Wrong calls: each has its exact error line, changes nothing, is told to no replica, and leaves the server alive.

use lct_tests::{Client, Server, Stream, now};

const NUMBER: &str =
    "must be a whole number of milliseconds from 0 to 9007199254740991, in plain digits";
const COUNT: &str = "must be a whole number from 1 to 9007199254740991, in plain digits";
const LENGTH: &str = "must be 1 to 128 bytes long";
const UTF8: &str = "must be UTF-8";
const CONTROL: &str = "must not hold control characters";
const EXPOSED: &str = "the options of LCT.EXPOSED are FROM, TO, AT, ORDER, MINTIME, WITHIN, LINGER, MINPRIORITY, WITHTIMES, COUNT";

const WARN: &str = "the options of LCT.WARN are FROM, TO, AT, ORDER, MINTIME, WITHIN, LINGER, MINPRIORITY, HOLD, DRYRUN";
const WARNSPACE: &str = "the options of LCT.WARNSPACE are AT, MINTIME, WITHIN, DRYRUN";
const ZERO: &str = "must be a whole number from 0 to 9007199254740991, in plain digits";

/// What is no plain decimal from 0 to 2^53 − 1.
const NO_NUMBERS: [&[u8]; 26] = [
    b"",
    b"-1",
    b"-0",
    b"+1",
    b"00",
    b"01",
    b"1.0",
    b"1.",
    b".5",
    b"1e3",
    b"0x10",
    b"1_000",
    b"1,000",
    b"ten",
    b"nan",
    b"inf",
    b"1\n",
    b"\t1",
    b"1\0",
    b"\xff",
    "١".as_bytes(),
    "１".as_bytes(),
    b"9007199254740992",
    b"18446744073709551615",
    b"18446744073709551616",
    b"100000000000000000000000000000000000001",
];

/// What is no id, and why.
const NO_IDS: [(&[u8], &str); 13] = [
    (b"", LENGTH),
    (&[b'x'; 129], LENGTH),
    (&[b'x'; 100_000], LENGTH),
    (b"\xff", UTF8),
    (b"caf\xe9", UTF8),
    (b"\xc0\xaf", UTF8),         // an overlong slash
    (b"\xed\xa0\x80", UTF8),     // a lone surrogate
    (b"\xf4\x90\x80\x80", UTF8), // beyond U+10FFFF
    (b"a\0b", CONTROL),
    (b"a\nb", CONTROL),
    (b"\x1f", CONTROL),
    (b"\x7f", CONTROL),
    ("\u{9f}".as_bytes(), CONTROL),
];

/// Calls with one fault each. `%` stands where a bad number goes, `@` where a bad id goes; behind it the argument's name.
const NUMBERS: [(&str, &str); 32] = [
    ("LCT.VISIT g v s % 10", "visit 1: start"),
    ("LCT.VISIT g v s 0 %", "visit 1: end"),
    ("LCT.VISIT g v s 0 10 w s % 10", "visit 2: start"),
    ("LCT.VISIT g v s 0 10 w s 0 10 w s 20 %", "visit 3: end"),
    ("LCT.REVISIT g alice cafe % 0 10", "start"),
    ("LCT.REVISIT g alice cafe 100 % 10", "newstart"),
    ("LCT.REVISIT g alice cafe 100 0 %", "newend"),
    ("LCT.UNVISIT g alice cafe %", "start"),
    ("LCT.VISITS g alice FROM %", "FROM"),
    ("LCT.VISITS g alice FROM 0 TO %", "TO"),
    ("LCT.PRESENT g cafe % 10", "from"),
    ("LCT.PRESENT g cafe 0 %", "to"),
    ("LCT.DENSITY g % 10", "from"),
    ("LCT.DENSITY g 0 % SPACE cafe", "to"),
    ("LCT.EXPOSED g alice FROM %", "FROM"),
    ("LCT.EXPOSED g alice TO %", "TO"),
    ("LCT.EXPOSED g alice ORDER 2 AT % WITHTIMES", "AT"),
    ("LCT.EXPOSED g alice MINTIME %", "MINTIME"),
    ("LCT.EXPOSED g alice MINTIME 5 WITHIN %", "WITHIN"),
    ("LCT.EXPOSED g alice LINGER %", "LINGER"),
    ("LCT.PURGE g BEFORE %", "BEFORE"),
    ("LCT.PURGE g ALERTS %", "ALERTS"),
    ("LCT.WARN g w alice positive FROM %", "FROM"),
    ("LCT.WARN g w alice positive TO %", "TO"),
    ("LCT.WARN g w alice positive HOLD 1 AT %", "AT"),
    ("LCT.WARN g w alice positive MINTIME %", "MINTIME"),
    ("LCT.WARN g w alice positive LINGER %", "LINGER"),
    ("LCT.WARN g w alice positive MINTIME 1 WITHIN %", "WITHIN"),
    ("LCT.WARNSPACE g w cafe contact % 10", "from"),
    ("LCT.WARNSPACE g w cafe contact 0 %", "to"),
    ("LCT.WARNSPACE g w cafe contact 0 10 AT %", "AT"),
    ("LCT.WARNSPACE g w cafe contact 0 10 MINTIME %", "MINTIME"),
];
const COUNTS: [(&str, &str); 4] = [
    ("LCT.DENSITY g 0 10 COUNT %", "COUNT"),
    ("LCT.WARNINGS g COUNT %", "COUNT"),
    ("LCT.PRESENT g cafe 0 10 COUNT %", "COUNT"),
    ("LCT.EXPOSED g alice WITHTIMES COUNT %", "COUNT"),
];
const IDS: [(&str, &str); 25] = [
    ("LCT.VISIT g @ s 0 10", "visit 1: visitor"),
    ("LCT.VISIT g v @ 0 10", "visit 1: space"),
    ("LCT.VISIT g v s 0 10 @ s 0 10", "visit 2: visitor"),
    ("LCT.REVISIT g @ cafe 100 0 10", "visitor"),
    ("LCT.REVISIT g alice @ 100 0 10", "space"),
    ("LCT.UNVISIT g @ cafe 100", "visitor"),
    ("LCT.UNVISIT g alice @ 100", "space"),
    ("LCT.VISITS g @", "visitor"),
    ("LCT.PRESENT g @ 0 10", "space"),
    ("LCT.DENSITY g 0 10 SPACE @", "SPACE"),
    ("LCT.EXPOSED g @", "visitor"),
    ("LCT.EXPOSED g @ ORDER 2 WITHTIMES", "visitor"),
    ("LCT.FORGET g @", "visitor"),
    ("LCT.REVOKE g @", "visitor"),
    ("LCT.WARN g @ alice positive", "warning"),
    ("LCT.WARN g w @ positive", "visitor"),
    ("LCT.WARNSPACE g @ cafe contact 0 10", "warning"),
    ("LCT.WARNSPACE g w @ contact 0 10", "space"),
    ("LCT.RETRACT g @", "warning"),
    ("LCT.RETRACT g @ IFHELD", "warning"),
    ("LCT.WARNINGS g WARNING @", "WARNING"),
    ("LCT.WARNINGS g STATE held AFTER @", "AFTER"),
    ("LCT.RELEASE g @ DRYRUN", "warning"),
    ("LCT.ALERTS g @", "visitor"),
    ("LCT.ACK g @ 0123456789abcdef0123456789abcdef.1", "visitor"),
];
/// What is no reason, and no id of an alert.
const NO_WORDS: [&[u8]; 9] = [
    b"",
    b"0",
    b"positiv",
    b"positive ",
    b"POSITIVE\0",
    b"\xff",
    b"I tested positive",
    b"high",
    b"positive,contact",
];
const NO_ALERTS: [&[u8]; 12] = [
    b"",
    b"x",
    b"0123456789abcdef0123456789abcdef",
    b"0123456789abcdef0123456789abcdef.",
    b"0123456789abcdef0123456789abcdef.0",
    b"0123456789abcdef0123456789abcdef.01",
    b"0123456789abcdef0123456789abcdef.+1",
    b"0123456789abcdef0123456789abcdef.4294967296",
    b"0123456789ABCDEF0123456789ABCDEF.1",
    b"0123456789abcdef0123456789abcde.1",
    b"0123456789abcdef0123456789abcdef.1.1",
    b"\xff123456789abcdef0123456789abcdef.1",
];

/// Everything else, with the whole line.
const RULES: &[(&str, &str)] = &[
    // Ends that are no ends.
    (
        "LCT.VISIT g v s 10 10",
        "ERR visit 1: end: must be after start",
    ),
    (
        "LCT.VISIT g v s 10 9",
        "ERR visit 1: end: must be after start",
    ),
    (
        "LCT.VISIT g v s 0 10 w s 9007199254740991 9007199254740991",
        "ERR visit 2: end: must be after start",
    ),
    (
        "LCT.REVISIT g alice cafe 100 10 10",
        "ERR newend: must be after newstart",
    ),
    (
        "LCT.REVISIT g alice cafe 100 10 0",
        "ERR newend: must be after newstart",
    ),
    ("LCT.PRESENT g cafe 10 9", "ERR to: must not be before from"),
    ("LCT.DENSITY g 10 9", "ERR to: must not be before from"),
    (
        "LCT.VISITS g alice FROM 10 TO 9",
        "ERR TO: must not be before FROM",
    ),
    (
        "LCT.VISITS g alice TO 9 FROM 10",
        "ERR TO: must not be before FROM",
    ),
    (
        "LCT.EXPOSED g alice FROM 10 TO 10",
        "ERR FROM: must be before TO",
    ),
    (
        "LCT.EXPOSED g alice TO 9 FROM 10",
        "ERR FROM: must be before TO",
    ),
    // Words.
    ("LCT.EXPOSED g alice ORDER 0", "ERR ORDER: must be 1 or 2"),
    ("LCT.EXPOSED g alice ORDER 3", "ERR ORDER: must be 1 or 2"),
    ("LCT.EXPOSED g alice ORDER 01", "ERR ORDER: must be 1 or 2"),
    (
        "LCT.EXPOSED g alice ORDER first",
        "ERR ORDER: must be 1 or 2",
    ),
    (
        "LCT.EXPOSED g alice MINPRIORITY urgent",
        "ERR MINPRIORITY: must be high, medium or low",
    ),
    (
        "LCT.EXPOSED g alice MINPRIORITY 1",
        "ERR MINPRIORITY: must be high, medium or low",
    ),
    ("LCT.EXPOSED g alice WITHIN 5", "ERR WITHIN: needs MINTIME"),
    ("LCT.PRESENT g cafe 0 10 COUNT 0", "ERR COUNT: {COUNT}"),
    ("LCT.EXPOSED g alice COUNT 0", "ERR COUNT: {COUNT}"),
    // Options: unknown, doubled, dangling.
    (
        "LCT.VISITS g alice COUNT 5",
        "ERR option 3: unknown; the options of LCT.VISITS are FROM, TO",
    ),
    (
        "LCT.VISITS g alice FROM 1 AT 5",
        "ERR option 5: unknown; the options of LCT.VISITS are FROM, TO",
    ),
    ("LCT.VISITS g alice FROM 1 from 1", "ERR FROM: given twice"),
    ("LCT.VISITS g alice TO 1 TO 1", "ERR TO: given twice"),
    ("LCT.VISITS g alice FROM", "ERR FROM: needs a value"),
    ("LCT.VISITS g alice FROM 1 TO", "ERR TO: needs a value"),
    (
        "LCT.PRESENT g cafe 0 10 LIMIT 5",
        "ERR option 5: unknown; the options of LCT.PRESENT are COUNT",
    ),
    (
        "LCT.PRESENT g cafe 0 10 COUNT 1 COUNT 1",
        "ERR COUNT: given twice",
    ),
    ("LCT.PRESENT g cafe 0 10 COUNT", "ERR COUNT: needs a value"),
    // Nobody chooses k.
    (
        "LCT.DENSITY g 0 10 K 1",
        "ERR option 4: unknown; the options of LCT.DENSITY are SPACE, COUNT",
    ),
    (
        "LCT.DENSITY g 0 10 SPACE cafe space cafe",
        "ERR SPACE: given twice",
    ),
    ("LCT.DENSITY g 0 10 SPACE", "ERR SPACE: needs a value"),
    ("LCT.DENSITY g 0 10 COUNT 0", "ERR COUNT: {COUNT}"),
    ("LCT.DENSITY g 0 10 COUNT", "ERR COUNT: needs a value"),
    (
        "LCT.EXPOSED g alice bob",
        "ERR option 3: unknown; {EXPOSED}",
    ),
    (
        "LCT.EXPOSED g alice ORDER 1 WITHSPANS",
        "ERR option 5: unknown; {EXPOSED}",
    ),
    (
        "LCT.EXPOSED g alice CLOCK 5",
        "ERR option 3: unknown; {EXPOSED}",
    ),
    (
        "LCT.EXPOSED g alice VIA 1 bob since 5",
        "ERR option 3: unknown; {EXPOSED}",
    ),
    ("LCT.EXPOSED g alice FROM 1 FROM 2", "ERR FROM: given twice"),
    ("LCT.EXPOSED g alice TO 1 TO 2", "ERR TO: given twice"),
    ("LCT.EXPOSED g alice AT 1 at 1", "ERR AT: given twice"),
    (
        "LCT.EXPOSED g alice ORDER 1 ORDER 1",
        "ERR ORDER: given twice",
    ),
    (
        "LCT.EXPOSED g alice MINTIME 1 MINTIME 1",
        "ERR MINTIME: given twice",
    ),
    (
        "LCT.EXPOSED g alice MINTIME 1 WITHIN 1 WITHIN 1",
        "ERR WITHIN: given twice",
    ),
    (
        "LCT.EXPOSED g alice LINGER 1 LINGER 1",
        "ERR LINGER: given twice",
    ),
    (
        "LCT.EXPOSED g alice MINPRIORITY low MinPriority low",
        "ERR MINPRIORITY: given twice",
    ),
    (
        "LCT.EXPOSED g alice WITHTIMES WITHTIMES",
        "ERR WITHTIMES: given twice",
    ),
    (
        "LCT.EXPOSED g alice COUNT 1 WITHTIMES COUNT 1",
        "ERR COUNT: given twice",
    ),
    (
        "LCT.EXPOSED g alice WITHTIMES FROM",
        "ERR FROM: needs a value",
    ),
    ("LCT.EXPOSED g alice TO", "ERR TO: needs a value"),
    ("LCT.EXPOSED g alice AT", "ERR AT: needs a value"),
    ("LCT.EXPOSED g alice ORDER", "ERR ORDER: needs a value"),
    ("LCT.EXPOSED g alice MINTIME", "ERR MINTIME: needs a value"),
    (
        "LCT.EXPOSED g alice MINTIME 1 WITHIN",
        "ERR WITHIN: needs a value",
    ),
    ("LCT.EXPOSED g alice LINGER", "ERR LINGER: needs a value"),
    (
        "LCT.EXPOSED g alice MINPRIORITY",
        "ERR MINPRIORITY: needs a value",
    ),
    ("LCT.EXPOSED g alice COUNT", "ERR COUNT: needs a value"),
    (
        "LCT.PURGE g AFTER 5",
        "ERR option 2: unknown; the options of LCT.PURGE are BEFORE, ALERTS",
    ),
    (
        "LCT.PURGE g 5",
        "ERR option 2: unknown; the options of LCT.PURGE are BEFORE, ALERTS",
    ),
    (
        "LCT.PURGE g BEFORE 5 CLOCK 5",
        "ERR option 4: unknown; the options of LCT.PURGE are BEFORE, ALERTS",
    ),
    ("LCT.PURGE g BEFORE 5 BEFORE 5", "ERR BEFORE: given twice"),
    ("LCT.PURGE g ALERTS 5 ALERTS 5", "ERR ALERTS: given twice"),
    ("LCT.PURGE g BEFORE", "ERR BEFORE: needs a value"),
    ("LCT.PURGE g ALERTS", "ERR ALERTS: needs a value"),
    (
        "LCT.WARN g w alice positive FROM 10 TO 10",
        "ERR FROM: must be before TO",
    ),
    (
        "LCT.WARN g w alice positive ORDER 3",
        "ERR ORDER: must be 1 or 2",
    ),
    (
        "LCT.WARN g w alice alerted ORDER 2",
        "ERR ORDER: must be 1 where the reason is alerted",
    ),
    (
        "LCT.WARN g w alice positive WITHIN 5",
        "ERR WITHIN: needs MINTIME",
    ),
    (
        "LCT.WARN g w alice positive MINPRIORITY urgent",
        "ERR MINPRIORITY: must be high, medium or low",
    ),
    (
        "LCT.WARN g w alice positive HOLD",
        "ERR HOLD: needs a value",
    ),
    ("LCT.WARN g w alice positive HOLD -1", "ERR HOLD: {ZERO}"),
    ("LCT.WARN g w alice positive HOLD some", "ERR HOLD: {ZERO}"),
    (
        "LCT.WARN g w alice positive DRYRUN dryrun",
        "ERR DRYRUN: given twice",
    ),
    (
        "LCT.WARN g w alice positive WITHTIMES",
        "ERR option 5: unknown; {WARN}",
    ),
    (
        "LCT.WARN g w alice positive COUNT 1",
        "ERR option 5: unknown; {WARN}",
    ),
    (
        "LCT.WARN g w alice positive AT 1000 CLOCK 5",
        "ERR option 7: unknown; {WARN}",
    ),
    (
        "LCT.WARN g w alice positive UNTIL 5",
        "ERR option 5: unknown; {WARN}",
    ),
    (
        "LCT.WARN g w alice positive LATE 5",
        "ERR option 5: unknown; {WARN}",
    ),
    (
        "LCT.WARN g w alice positive VIA 1 bob since 5",
        "ERR option 5: unknown; {WARN}",
    ),
    (
        "LCT.WARN g taken bob positive",
        "ERR warning: this id belongs to another visitor or another kind of warning",
    ),
    (
        "LCT.WARN g taken bob positive DRYRUN",
        "ERR warning: this id belongs to another visitor or another kind of warning",
    ),
    (
        "LCT.WARNSPACE g taken cafe contact 0 10",
        "ERR warning: this id belongs to another visitor or another kind of warning",
    ),
    (
        "LCT.WARN g declared alice positive",
        "ERR warning: this id belongs to another visitor or another kind of warning",
    ),
    (
        "LCT.WARNSPACE g declared gym contact 0 10",
        "ERR warning: this id belongs to another visitor or another kind of warning",
    ),
    (
        "LCT.WARN g w barred positive",
        "REVOKED visitor: this id was revoked and cannot be used again",
    ),
    (
        "LCT.WARN g w barred positive DRYRUN",
        "REVOKED visitor: this id was revoked and cannot be used again",
    ),
    (
        "LCT.WARNSPACE g w cafe alerted 0 10",
        "ERR reason: must be positive, contact or symptoms",
    ),
    (
        "LCT.WARNSPACE g w cafe contact 10 9",
        "ERR to: must not be before from",
    ),
    (
        "LCT.WARNSPACE g w cafe contact 0 10 WITHIN 5",
        "ERR WITHIN: needs MINTIME",
    ),
    (
        "LCT.WARNSPACE g w cafe contact 0 10 FROM 5",
        "ERR option 7: unknown; {WARNSPACE}",
    ),
    (
        "LCT.WARNSPACE g w cafe contact 0 10 HOLD 5",
        "ERR option 7: unknown; {WARNSPACE}",
    ),
    (
        "LCT.RELEASE g w FORCE",
        "ERR option 3: unknown; the options of LCT.RELEASE are DRYRUN",
    ),
    ("LCT.RELEASE g w DRYRUN DRYRUN", "ERR DRYRUN: given twice"),
    ("LCT.RETRACT g w IFHELD ifheld", "ERR IFHELD: given twice"),
    (
        "LCT.RETRACT g w DRYRUN",
        "ERR option 3: unknown; the options of LCT.RETRACT are IFHELD",
    ),
    (
        "LCT.RETRACT g w CLOCK 5",
        "ERR option 3: unknown; the options of LCT.RETRACT are IFHELD",
    ),
    (
        "LCT.WARNINGS g FROM 5",
        "ERR option 2: unknown; the options of LCT.WARNINGS are STATE, WARNING, AFTER, COUNT",
    ),
    (
        "LCT.WARNINGS g STATE waiting",
        "ERR STATE: must be active, held or retracted",
    ),
    ("LCT.WARNINGS g STATE", "ERR STATE: needs a value"),
    (
        "LCT.WARNINGS g STATE held state held",
        "ERR STATE: given twice",
    ),
    ("LCT.WARNINGS g WARNING", "ERR WARNING: needs a value"),
    ("LCT.WARNINGS g AFTER", "ERR AFTER: needs a value"),
    (
        "LCT.WARNINGS g AFTER taken WARNING taken",
        "ERR AFTER: must not be given with WARNING",
    ),
    ("LCT.WARNINGS g COUNT 0", "ERR COUNT: {COUNT}"),
    ("LCT.WARNINGS g COUNT", "ERR COUNT: needs a value"),
    ("LCT.STAND g taken", "ERR LCT.STAND: only by replication"),
    (
        "LCT.STAND g taken CLOCK 5 EXPIRED 0",
        "ERR LCT.STAND: only by replication",
    ),
    // Nobody purges or asks about the future.
    (
        "LCT.PURGE g BEFORE 9007199254740991",
        "ERR BEFORE: must not be later than now",
    ),
    (
        "LCT.PURGE g ALERTS 9007199254740991",
        "ERR ALERTS: must not be later than now",
    ),
    // What is there and what is not.
    ("LCT.INFO missing", "ERR no such key"),
    (
        "LCT.VISIT g barred cafe 0 10",
        "REVOKED visit 1: visitor: this id was revoked and cannot be used again",
    ),
    (
        "LCT.VISIT g v s 0 10 barred cafe 0 10",
        "REVOKED visit 2: visitor: this id was revoked and cannot be used again",
    ),
    // Arguments come first: a wrong one is named even where the key would not do.
    (
        "LCT.VISIT text v s 10 0",
        "ERR visit 1: end: must be after start",
    ),
];

/// A number of arguments that fits nothing: the server's own line.
const ARITY: &[&str] = &[
    "LCT.VISIT",
    "LCT.VISIT g",
    "LCT.VISIT g v s 0",
    "LCT.VISIT g v s 0 10 w",
    "LCT.VISIT g v s 0 10 w s",
    "LCT.VISIT g v s 0 10 w s 0",
    "LCT.VISIT g v s 0 10 CLOCK 5",
    "LCT.VISIT g v s 0 10 CLOCK 5 LATE 0 EXPIRED 0",
    "LCT.REVISIT g alice cafe 100 10 20 CLOCK 5 LATE 0 EXPIRED 0",
    "LCT.WARN g w alice",
    "LCT.WARNSPACE g w cafe contact 0",
    "LCT.RETRACT g",
    "LCT.RELEASE g",
    "LCT.WARNINGS",
    "LCT.ALERTS g",
    "LCT.ALERTS g alice 5",
    "LCT.ACK g alice",
    "LCT.REVISIT g alice cafe 100 10",
    "LCT.REVISIT g alice cafe 100 10 20 30",
    "LCT.UNVISIT g alice cafe",
    "LCT.UNVISIT g alice cafe 100 200",
    "LCT.VISITS g",
    "LCT.PRESENT g cafe 0",
    "LCT.DENSITY g 0",
    "LCT.EXPOSED g",
    "LCT.PURGE",
    "LCT.FORGET g",
    "LCT.FORGET g alice bob",
    "LCT.REVOKE g",
    "LCT.INFO",
    "LCT.INFO g MEMORY",
];

/// A key of another type: the server's own line.
const WRONG_TYPE: &[&str] = &[
    "LCT.VISIT text v s 0 10",
    "LCT.REVISIT text v s 0 10 20",
    "LCT.UNVISIT text v s 0",
    "LCT.VISITS text v",
    "LCT.PRESENT text s 0 10",
    "LCT.DENSITY text 0 10",
    "LCT.EXPOSED text v",
    "LCT.PURGE text BEFORE 5",
    "LCT.FORGET text v",
    "LCT.REVOKE text v",
    "LCT.INFO text",
    "LCT.WARN text w v positive",
    "LCT.WARN text w v positive DRYRUN",
    "LCT.WARNSPACE text w s contact 0 10",
    "LCT.RETRACT text w",
    "LCT.RETRACT text w IFHELD",
    "LCT.RELEASE text w",
    "LCT.RELEASE text w DRYRUN",
    "LCT.WARNINGS text",
    "LCT.WARNINGS text WARNING w",
    "LCT.ALERTS text v",
    "LCT.ACK text v 0123456789abcdef0123456789abcdef.1",
    "GET g",
];

/// A graph, and all that watches whether a call left anything behind.
struct Watched {
    server: Server,
    client: Client,
    stream: Stream,
    digest: String,
    calls: usize,
}

impl Watched {
    fn new(server: Server) -> Self {
        let mut client = server.client();
        client.expect("LCT.VISIT g alice cafe 100 200 bob cafe 150 300", "2");
        client.expect("LCT.REVOKE g barred", "0");
        client.expect("LCT.WARN g taken alice positive", "1");
        client.expect("LCT.WARNSPACE g declared cafe contact 100 200", "2");
        client.expect("SET text hello", "OK");
        let digest = client.run("DEBUG DIGEST-VALUE g text missing").to_string();
        let stream = Stream::of(&server);
        Watched {
            server,
            client,
            stream,
            digest,
            calls: 0,
        }
    }

    /// Makes the call; its reply must be the error `line` and nothing else may have happened.
    #[track_caller]
    fn refuse(&mut self, args: &[Vec<u8>], line: &str) {
        let shown: Vec<String> = args
            .iter()
            .map(|arg| arg[..arg.len().min(140)].escape_ascii().to_string())
            .collect();
        let shown = shown.join(" ");
        let reply = self.client.call(args);
        assert_eq!(
            reply.to_string(),
            format!("-{line}"),
            "the reply to {shown}"
        );
        let digest = self
            .client
            .run("DEBUG DIGEST-VALUE g text missing")
            .to_string();
        assert_eq!(digest, self.digest, "the data after {shown}");
        assert_eq!(
            self.stream.commands(&self.server),
            Vec::<String>::new(),
            "what {shown} replicated"
        );
        self.calls += 1;
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// The call with `bad` in the place of the placeholder.
fn with_bad(line: &str, placeholder: &str, bad: &[u8]) -> Vec<Vec<u8>> {
    let place = |word: &str| {
        if word == placeholder {
            bad.to_vec()
        } else {
            word.as_bytes().to_vec()
        }
    };
    line.split(' ').map(place).collect()
}

#[test]
fn wrong_calls_are_refused_with_their_exact_line_and_leave_no_trace() {
    let mut watched = Watched::new(Server::start());
    for (line, name) in NUMBERS {
        for bad in NO_NUMBERS {
            watched.refuse(&with_bad(line, "%", bad), &format!("ERR {name}: {NUMBER}"));
        }
    }
    for (line, name) in COUNTS {
        for bad in NO_NUMBERS {
            watched.refuse(&with_bad(line, "%", bad), &format!("ERR {name}: {COUNT}"));
        }
    }
    for (line, name) in IDS {
        for (bad, rule) in NO_IDS {
            watched.refuse(&with_bad(line, "@", bad), &format!("ERR {name}: {rule}"));
        }
    }
    for bad in NO_WORDS {
        watched.refuse(
            &with_bad("LCT.WARN g w alice @", "@", bad),
            "ERR reason: must be positive, contact, symptoms or alerted",
        );
    }
    for bad in NO_ALERTS {
        let line = "LCT.ACK g bob 0123456789abcdef0123456789abcdef.1 @";
        watched.refuse(
            &with_bad(line, "@", bad),
            "ERR alert: must be an id as LCT.ALERTS gives it",
        );
    }
    for (line, error) in RULES {
        watched.refuse(
            &words(line),
            &error
                .replace("{EXPOSED}", EXPOSED)
                .replace("{WARN}", WARN)
                .replace("{WARNSPACE}", WARNSPACE)
                .replace("{ZERO}", ZERO)
                .replace("{COUNT}", COUNT),
        );
    }
    for line in ARITY {
        let name = line.split(' ').next().expect("a command").to_lowercase();
        watched.refuse(
            &words(line),
            &format!("ERR wrong number of arguments for '{name}' command"),
        );
    }
    for line in WRONG_TYPE {
        watched.refuse(
            &words(line),
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
    let places =
        NUMBERS.len() + COUNTS.len() + IDS.len() + RULES.len() + ARITY.len() + WRONG_TYPE.len();
    println!("{} wrong calls of {places} kinds", watched.calls);
}

#[test]
fn option_names_are_checked_as_bytes() {
    let mut watched = Watched::new(Server::start());
    for bad in [&b""[..], b"\xff", b"FROM\0", b" FROM", b"FR\0M", b"AT\n"] {
        watched.refuse(
            &with_bad("LCT.EXPOSED g alice @ 5", "@", bad),
            &format!("ERR option 3: unknown; {EXPOSED}"),
        );
    }
    for bad in [&b""[..], b"\xff", b"1\0", b" 1"] {
        watched.refuse(
            &with_bad("LCT.EXPOSED g alice ORDER @", "@", bad),
            "ERR ORDER: must be 1 or 2",
        );
        watched.refuse(
            &with_bad("LCT.EXPOSED g alice MINPRIORITY @", "@", bad),
            "ERR MINPRIORITY: must be high, medium or low",
        );
    }
}

#[test]
fn what_replication_may_say_a_client_may_not() {
    let mut watched = Watched::new(Server::start());
    let reply = watched.client.run("LCT.LOAD g part");
    assert!(
        reply.is_error(),
        "LCT.LOAD outside of loading answered {reply}"
    );
    watched.refuse(
        &words("LCT.LOAD g part"),
        reply.to_string().trim_start_matches('-'),
    );
    for line in [
        "LCT.REVOKE g alice SALT 00112233445566778899aabbccddeeff",
        "LCT.REVOKE g alice CLOCK 5",
    ] {
        let reply = watched.client.run(line);
        assert!(reply.is_error(), "{line} answered {reply}");
        watched.refuse(&words(line), reply.to_string().trim_start_matches('-'));
    }
}

#[test]
fn visits_beyond_the_limits_are_refused_by_the_name_of_the_setting() {
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;
    let now = now();
    let server = lct_tests::Builder::default().default_limits().start();
    let mut c = server.client();
    // Inside each limit first, so that the refusals below are due to the limit alone.
    c.expect(
        &format!(
            "LCT.VISIT g alice cafe {} {}",
            now + DAY - MINUTE,
            now + DAY
        ),
        "1",
    );
    c.expect(
        &format!("LCT.VISIT g alice cafe {} {}", now - DAY, now),
        "1",
    );
    c.expect(
        &format!(
            "LCT.VISIT g alice cafe {} {}",
            now - 14 * DAY,
            now - 14 * DAY + MINUTE
        ),
        "1",
    );
    c.expect(
        &format!("LCT.EXPOSED g alice AT {}", now + DAY - MINUTE),
        "[]",
    );

    let mut stream = Stream::of(&server);
    let digest = c.run("DEBUG DIGEST-VALUE g").to_string();
    let ahead = (now + DAY + MINUTE, now + DAY + 2 * MINUTE);
    let long = (now - DAY, now + 1);
    let old = (now - 14 * DAY - 2 * MINUTE, now - 14 * DAY - MINUTE);
    let known = now - DAY;
    let refused = [
        (
            format!("LCT.VISIT g v s {} {}", ahead.0, ahead.1),
            "visit 1: start: further ahead than lct.max-ahead allows",
        ),
        (
            format!("LCT.VISIT g v s {} {}", long.0, long.1),
            "visit 1: end: the visit is longer than lct.max-visit allows",
        ),
        (
            format!("LCT.VISIT g v s {} {}", old.0, old.1),
            "visit 1: end: the visit ended longer ago than lct.retention",
        ),
        (
            format!("LCT.VISIT g v s {known} {now} w s {} {}", old.0, old.1),
            "visit 2: end: the visit ended longer ago than lct.retention",
        ),
        (
            format!("LCT.REVISIT g alice cafe {known} {} {}", ahead.0, ahead.1),
            "newstart: further ahead than lct.max-ahead allows",
        ),
        (
            format!("LCT.REVISIT g alice cafe {known} {} {}", long.0, long.1),
            "newend: the visit is longer than lct.max-visit allows",
        ),
        (
            format!("LCT.REVISIT g alice cafe {known} {} {}", old.0, old.1),
            "newend: the visit ended longer ago than lct.retention",
        ),
        (
            format!("LCT.EXPOSED g alice AT {}", ahead.0),
            "AT: further ahead than lct.max-ahead allows",
        ),
        (
            format!("LCT.WARN g w alice positive AT {}", ahead.0),
            "AT: further ahead than lct.max-ahead allows",
        ),
        (
            format!("LCT.WARNSPACE g w cafe contact 0 1 AT {}", ahead.0),
            "AT: further ahead than lct.max-ahead allows",
        ),
    ];
    for (line, error) in refused {
        c.expect(&line, &format!("-ERR {error}"));
        assert_eq!(
            c.run("DEBUG DIGEST-VALUE g").to_string(),
            digest,
            "the data after {line}"
        );
        assert_eq!(
            stream.commands(&server),
            Vec::<String>::new(),
            "what {line} replicated"
        );
    }
}
