//! A way to the broker that can be disturbed: forwards bytes both ways, and delays them, cuts connections, or swallows what
//! goes one way. What was swallowed is missing from its connection for good, so that connection ends when the fault does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest time until a pump sees that its connection is to end.
const LOOK: Duration = Duration::from_millis(50);

/// What is done to bytes on their way.
#[derive(Debug, Default)]
struct Faults {
    /// Milliseconds before each piece goes on.
    delay_ms: AtomicU64,
    /// What goes to the broker does not arrive.
    swallow_requests: AtomicBool,
    /// What comes from the broker does not arrive.
    swallow_answers: AtomicBool,
    /// New connections are closed at once.
    refuse: AtomicBool,
    /// Connections of an older time are cut.
    time: AtomicU64,
    end: AtomicBool,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Way {
    Requests,
    Answers,
}

/// A listener that forwards to `target`.
pub struct Proxy {
    /// Where clients come to.
    pub port: u16,
    /// Where the broker listens for the proxy.
    pub target: u16,
    faults: Arc<Faults>,
    /// Bytes forwarded, so that a test knows that it was used.
    pub forwarded: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port.
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (faults, forwarded) = (Arc::new(Faults::default()), Arc::new(AtomicU64::new(0)));
        let (of_thread, counted) = (faults.clone(), forwarded.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.end.load(Ordering::Relaxed) {
                    return;
                }
                // A client that went again, or a broker that is not there: the connection ends, as it would without a proxy.
                if let Ok(client) = client
                    && !of_thread.refuse.load(Ordering::Relaxed)
                {
                    forward(client, target, &of_thread, &counted);
                }
            }
        });
        Proxy { port, target, faults, forwarded }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends every connection; new ones are taken.
    pub fn cut(&self) {
        self.faults.time.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends every connection and takes no new ones.
    pub fn refuse(&self) {
        self.faults.refuse.store(true, Ordering::Relaxed);
        self.cut();
    }

    /// Each piece comes so much later, both ways.
    pub fn delay(&self, millis: u64) {
        self.faults.delay_ms.store(millis, Ordering::Relaxed);
    }

    /// Requests arrive, answers do not.
    pub fn swallow_answers(&self) {
        self.faults.swallow_answers.store(true, Ordering::Relaxed);
    }

    /// Requests do not arrive.
    pub fn swallow_requests(&self) {
        self.faults.swallow_requests.store(true, Ordering::Relaxed);
    }

    /// No faults any more; connections that lack something are cut.
    pub fn heal(&self) {
        let faults = &self.faults;
        let lacked =
            [&faults.swallow_answers, &faults.swallow_requests].map(|s| s.swap(false, Ordering::Relaxed));
        if lacked.contains(&true) {
            self.cut();
        }
        faults.delay_ms.store(0, Ordering::Relaxed);
        faults.refuse.store(false, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.faults.end.store(true, Ordering::Relaxed);
        self.cut();
        // The listener is waiting for one more.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Two threads, one a way.
fn forward(client: TcpStream, target: u16, faults: &Arc<Faults>, forwarded: &Arc<AtomicU64>) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", target)) else { return };
    for stream in [&client, &broker] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LOOK)).unwrap();
    }
    let time = faults.time.load(Ordering::Relaxed);
    let ways = [
        (Way::Requests, client.try_clone().unwrap(), broker.try_clone().unwrap()),
        (Way::Answers, broker, client),
    ];
    for (way, from, to) in ways {
        let (faults, forwarded) = (faults.clone(), forwarded.clone());
        std::thread::spawn(move || {
            pump(way, &from, &to, &faults, time, &forwarded);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

/// Until either side ends it, or it is cut.
fn pump(
    way: Way,
    mut from: &TcpStream,
    mut to: &TcpStream,
    faults: &Faults,
    time: u64,
    forwarded: &AtomicU64,
) {
    let mut bytes = [0; 1 << 16];
    let clock = Pause::default();
    while faults.time.load(Ordering::Relaxed) == time {
        let count = match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => count,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => return,
        };
        let swallow = match way {
            Way::Requests => &faults.swallow_requests,
            Way::Answers => &faults.swallow_answers,
        };
        if swallow.load(Ordering::Relaxed) {
            continue;
        }
        clock.wait(Duration::from_millis(faults.delay_ms.load(Ordering::Relaxed)));
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
        forwarded.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Lets time pass: nobody ever sends.
pub struct Pause(
    Mutex<Receiver<()>>,
    #[allow(dead_code, reason = "held, so that the wait is not cut short")] std::sync::mpsc::Sender<()>,
);

impl Default for Pause {
    fn default() -> Pause {
        let (sender, receiver) = channel();
        Pause(Mutex::new(receiver), sender)
    }
}

impl Pause {
    pub fn wait(&self, time: Duration) {
        if !time.is_zero() {
            let waited = self.0.lock().unwrap().recv_timeout(time);
            assert_eq!(waited, Err(RecvTimeoutError::Timeout));
        }
    }
}
