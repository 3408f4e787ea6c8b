//! A broker for the tests: started by the first that needs it, stopped by the last that had it.

use crate::proxy::Proxy;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

/// A running broker.
pub struct Broker {
    pub address: String,
    /// Port and folder, if it is ours to stop.
    own: Option<(u16, tempfile::TempDir)>,
    controller: u16,
    /// A way to the same broker that can be disturbed.
    pub proxy: Option<Proxy>,
}

static RUNNING: Mutex<Weak<Broker>> = Mutex::new(Weak::new());

/// The repository's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The broker; `None`, with the reason on stderr, if there cannot be one here.
pub fn broker() -> Option<Arc<Broker>> {
    let mut running = RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(broker) = running.upgrade() {
        return Some(broker);
    }
    let broker = Arc::new(start()?);
    *running = Arc::downgrade(&broker);
    Some(broker)
}

/// A broker of a test's own, to be killed; `None` as `broker`.
pub fn broker_alone() -> Option<Arc<Broker>> {
    start_own(false).map(Arc::new)
}

/// A broker of a test's own that can be reached through a proxy, too; `None` as `broker`.
pub fn broker_behind_a_proxy() -> Option<Arc<Broker>> {
    start_own(true).map(Arc::new)
}

fn start() -> Option<Broker> {
    if let Ok(address) = std::env::var("TRUNKLINE_TEST_KAFKA") {
        return Some(Broker { address, own: None, controller: 0, proxy: None });
    }
    start_own(false)
}

fn start_own(proxied: bool) -> Option<Broker> {
    if let Some(missing) = ["java", "mvn"].iter().find(|program| !on_path(program)) {
        eprintln!(
            "SKIPPED: {missing} is missing, so there is no Kafka here; `scripts/kafka install` fetches it"
        );
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (port, controller) = two_free_ports();
    let own = Some((port, folder));
    let proxy = proxied.then(|| Proxy::start(two_free_ports().0));
    let broker = Broker { address: format!("127.0.0.1:{port}"), own, controller, proxy };
    broker.start_again();
    Some(broker)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Held at once, so that they differ.
fn two_free_ports() -> (u16, u16) {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, two) = (free(), free());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    (port(&one), port(&two))
}

impl Broker {
    /// Runs `scripts/kafka` for this broker.
    pub fn script(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(root().join("scripts/kafka"));
        command.args(arguments);
        match &self.own {
            Some((port, folder)) => {
                command.args(["--port", &port.to_string(), "--dir"]).arg(folder.path().join("b"))
            }
            None => command.args(["--port", self.address.rsplit(':').next().unwrap()]),
        };
        command.output().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.own.is_some() {
            let stopped = self.script(&["stop"]);
            assert!(stopped.status.success() || std::thread::panicking());
        }
    }
}

impl Broker {
    /// `kill -9`, and a new start on the same folder and ports.
    pub fn kill_and_start(&self) {
        self.signal("-KILL");
        let gone =
            || self.script(&["status"]).status.code() != Some(0) && TcpListener::bind(&self.address).is_ok();
        while !gone() {}
        self.start_again();
    }

    /// Whether it is ours, to be stopped and to be told what sessions it allows.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Sends its process a signal.
    pub fn signal(&self, signal: &str) {
        let (_, folder) = self.own.as_ref().expect("a broker of our own");
        let pid = std::fs::read_to_string(folder.path().join("b/kafka.pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    /// Ends it cleanly, and starts it again.
    pub fn restart(&self) {
        assert!(self.script(&["stop"]).status.success());
        self.start_again();
    }

    /// Starts it on the same folder and ports.
    pub fn start_again(&self) {
        let controller = self.controller.to_string();
        let mut arguments = vec!["start", "--heap", "768m", "--controller-port", &controller];
        let proxied = self.proxy.as_ref().map(|proxy| format!("{}:{}", proxy.target, proxy.port));
        if let Some(proxied) = &proxied {
            arguments.extend(["--proxied", proxied]);
        }
        let started = self.script(&arguments);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    }
}

/// The binary under test.
pub fn binary() -> PathBuf {
    std::env::var_os("TRUNKLINE_TEST_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_trunkline").into(), PathBuf::from)
}
