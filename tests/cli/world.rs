//! A temporary directory with rules and logs, and the binary run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// One division, two queues, a service level that a minute of waiting breaches.
pub const RULES: &str = r#"
version = "test"
[identity.kinds.phone]
rank = 1
form = "phone"
region = "US"
[identity.kinds.email]
rank = 2
form = "email"
[channels.chat]
weight = 50
[channels.phone]
[calendars.always]
zone = "UTC"
open = { mon = ["00:00-24:00"], tue = ["00:00-24:00"], wed = ["00:00-24:00"], thu = ["00:00-24:00"], fri = ["00:00-24:00"], sat = ["00:00-24:00"], sun = ["00:00-24:00"] }
[divisions.care]
[divisions.sales]
[queues.help]
division = "care"
offer_timeout = "20s"
sla = { first_response = { target = "60s", calendar = "always", warn = [50] } }
[queues.shop]
division = "sales"
accept = "auto"
wrap_up = "30s"
[[routes]]
when = { intent = ["buy"] }
queue = "shop"
[[routes]]
queue = "help"
"#;

/// A directory of its own.
pub struct World {
    directory: TempDir,
}

/// What a run of the binary came to.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    /// With `rules.toml` in it.
    pub fn new() -> World {
        let world = World { directory: tempfile::tempdir().expect("a directory") };
        world.file("rules.toml", RULES.as_bytes());
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a temporary file");
        path
    }

    /// Names of what lies in a directory, ordered.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> =
            entries.map(name).map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The lines of an output stream.
    pub fn stream(&self, directory: &str, stream: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(directory).join(format!("{stream}.ndjson")));
        text.expect("each stream has its file").lines().map(str::to_owned).collect()
    }

    /// All streams, one after another.
    pub fn streams(&self, directory: &str) -> String {
        let streams = ["assignments", "sla", "replies", "conversations", "customers", "rejected"];
        let text = |stream: &str| fs::read_to_string(self.path(directory).join(format!("{stream}.ndjson")));
        streams.iter().map(|stream| text(stream).expect("each stream has its file")).collect()
    }

    /// Runs the binary in the directory with these arguments, one between two spaces.
    pub fn run(&self, arguments: &str) -> Ran {
        self.finish(Command::new(env!("CARGO_BIN_EXE_trunkline")).args(arguments.split_whitespace()))
    }

    /// Runs a shell script in the directory; `$T` is the binary.
    pub fn shell(&self, script: &str) -> Ran {
        self.finish(Command::new("sh").arg("-c").arg(script).env("T", env!("CARGO_BIN_EXE_trunkline")))
    }

    fn finish(&self, command: &mut Command) -> Ran {
        let done: Output = command.current_dir(self.directory.path()).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }
}

impl Ran {
    /// Expects this code and these words on stderr.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "stderr: {}", self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in: {}", self.err);
        }
    }

    /// Expects success; gives stdout.
    #[track_caller]
    pub fn succeeds(&self) -> &str {
        assert_eq!(self.code, Some(0), "stderr: {}", self.err);
        &self.out
    }

    /// Expects success and one JSON object.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.succeeds()).expect("one JSON object")
    }
}

/// A line of a log: an event of this type at so many seconds after 2026-03-02 08:00.
pub fn event(id: u32, seconds: i64, kind: &str, data: &str) -> String {
    let time = jiff::Timestamp::from_second(1_772_438_400 + seconds).expect("within range");
    format!(
        r#"{{"specversion":"1.0","id":"e{id}","source":"/test","type":"trunkline.{kind}","time":"{time}","data":{data}}}"#
    )
}

/// A morning: an agent, some customers, a duplicate, a reject, a blank line, a change of rules that is refused.
pub fn morning() -> String {
    let agent = r#"{"agent":"ann","division":"care","capacity":{"chat":2,"phone":1},"skills":{}}"#;
    let mut lines = vec![
        event(1, 0, "agent.updated", agent),
        event(2, 1, "agent.state", r#"{"agent":"ann","division":"care","state":"available"}"#),
        event(3, 2, "agent.updated", &agent.replace("care", "sales")),
        event(4, 3, "agent.state", r#"{"agent":"ann","division":"sales","state":"available"}"#),
        String::new(),
        "{\"specversion\":\"1.0\"}".to_owned(),
        event(5, 4, "rules.changed", r#"{"text":""}"#),
    ];
    for n in 0..40 {
        let intent = if n % 3 == 0 { "buy" } else { "ask" };
        let from = format!(r#"{{"email":"c{}@example.com"}}"#, n % 17);
        let contact =
            format!(r#"{{"channel":"chat","from":{from},"intent":"{intent}","text":"hi \"you\""}}"#);
        lines.push(event(100 + n, 10 + i64::from(n) * 7, "contact.received", &contact));
        if n % 2 == 0 {
            let reply = format!(r#"{{"from":{from},"agent":"ann"}}"#);
            lines.push(event(200 + n, 11 + i64::from(n) * 7, "conversation.replied", &reply));
            lines.push(event(300 + n, 12 + i64::from(n) * 7, "conversation.resolved", &reply));
        }
    }
    lines.push(event(
        100,
        300,
        "contact.received",
        r#"{"channel":"chat","from":{"email":"c0@example.com"}}"#,
    ));
    lines.join("\n") + "\n"
}

/// Whether a directory is as if nothing had been written there.
pub fn is_untouched(path: &Path) -> bool {
    fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none())
}
