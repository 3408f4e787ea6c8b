//! The server in front of the readings: HTTP/1.1 on a thread of its own, which the engine never waits for and which reads
//! nothing of the engine but its gauges. axum on hyper, because a dashboard with server-sent events comes to live on it.
//!
//! Everything is bounded: connections, the time to send a request's head, the time in which a client takes what it asked
//! for, the size of a head (hyper's own bound). Whoever is too slow is let go; only others who look are kept waiting.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::hgrm;
use super::metrics;
use super::openmetrics::Form;
use crate::runtime::gauges::{Gauges, Phase, Series};
use crate::types::{DurationMs, Millis};

/// Connections at a time; more wait until one ends.
const CONNECTIONS_MAX: usize = 64;
/// A request's head comes within this, and an idle connection lives as long.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// A client that takes nothing for so long is let go.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// Answers under way at the end get so long.
const END_WAIT: Duration = Duration::from_secs(1);
/// An engine that says nothing for so long is taken for stuck: many times the longest epoch.
const BEAT_MAX: DurationMs = DurationMs::seconds(30);

/// What the server shows.
pub struct Shown {
    /// The engine's readings.
    pub gauges: Gauges,
    /// The clock on which the engine's beat counts.
    pub now: Box<dyn Fn() -> Millis + Send + Sync>,
    /// Whoever asks must know it; `None`: nobody must.
    pub token: Option<String>,
}

/// A running server; it ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at the address (port 0: any free one) and answers from now on.
    ///
    /// # Errors
    /// If the address is taken or not this machine's, or there is no thread for it.
    pub fn start(address: SocketAddr, shown: Shown) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = watch::channel(false);
        let routes = routes(shown);
        let serve = move || {
            runtime.block_on(async {
                // Within the runtime, which it is registered with.
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => serve(listener, routes, stopped).await,
                    Err(error) => tracing::error!(%error, "http: cannot listen"),
                }
            });
        };
        let thread = std::thread::Builder::new().name("http".into()).spawn(serve)?;
        Ok(Server { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn routes(shown: Shown) -> Router {
    let shown = Arc::new(shown);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/histograms/{file}", get(histogram))
        .fallback(|| async {
            (StatusCode::NOT_FOUND, "there is /metrics, /healthz, /readyz, /histograms/<name>.hgrm\n")
        })
        .layer(middleware::from_fn_with_state(shown.clone(), authorised))
        .with_state(shown)
}

async fn serve(listener: tokio::net::TcpListener, routes: Router, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("the places are never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = told(&mut stopped) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, routes.clone(), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            // Out of file handles, or the client has gone: neither lasts.
            Err(error) => {
                tracing::warn!(%error, "http: a connection was not taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(END_WAIT, all).await;
}

/// Returns when the server is to end.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // Without a sender nobody is left to tell: it ends as well.
    let _ = stopped.wait_for(|stop| *stop).await.is_ok();
}

/// One connection until either side ends it. What goes wrong on it is the client's affair.
fn connection(
    stream: TcpStream,
    routes: Router,
    mut stopped: watch::Receiver<bool>,
) -> impl Future<Output = ()> {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_WAIT));
    async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WAIT)
            .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(routes));
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told(&mut stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "http: a connection ended");
        }
    }
}

/// Lets through who knows the token. All bytes are compared, so that the time tells nothing.
async fn authorised(State(shown): State<Arc<Shown>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let given = given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
    let knows = shown.token.as_ref().is_none_or(|token| {
        let same = token.bytes().zip(given).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        same && token.len() == given.len()
    });
    match knows {
        true => next.run(request).await,
        false => {
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "a bearer token is required\n")
                .into_response()
        }
    }
}

async fn metrics(State(shown): State<Arc<Shown>>, headers: HeaderMap) -> Response {
    let form = Form::accepted(headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()));
    let text = metrics::text(&shown.gauges.snapshot(), form);
    ([(header::CONTENT_TYPE, form.content_type())], text).into_response()
}

/// Alive: not ended, and not silent for long while leading or standing by.
async fn healthz(State(shown): State<Arc<Shown>>) -> Response {
    let silent = (shown.now)().since(shown.gauges.beat());
    match shown.gauges.phase() {
        Phase::Starting => "starting\n".into_response(),
        Phase::Standby if silent <= BEAT_MAX => "standby\n".into_response(),
        Phase::Leading if silent <= BEAT_MAX => "leading\n".into_response(),
        Phase::Standby | Phase::Leading => {
            let text = format!("the engine has said nothing for {} s\n", silent.0 / 1_000);
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        Phase::Ended => (StatusCode::SERVICE_UNAVAILABLE, "ended\n").into_response(),
    }
}

/// Ready: the epoch log is read, and events are taken, or would be if the leader ended.
async fn readyz(State(shown): State<Arc<Shown>>) -> Response {
    match shown.gauges.phase() {
        Phase::Leading => "leading\n".into_response(),
        Phase::Standby => "standby\n".into_response(),
        phase => (StatusCode::SERVICE_UNAVAILABLE, format!("{phase:?}\n").to_lowercase()).into_response(),
    }
}

/// `<name>.hgrm`: latencies in microseconds, `epoch-records` in records.
async fn histogram(State(shown): State<Arc<Shown>>, Path(file): Path<String>) -> Response {
    let name = file.strip_suffix(".hgrm").unwrap_or_default();
    let Some(series) = Series::all().find(|series| series.name() == name) else {
        let names: Vec<_> = Series::all().map(|series| series.name()).collect();
        return (
            StatusCode::NOT_FOUND,
            format!("<name>.hgrm, where <name> is one of {}\n", names.join(", ")),
        )
            .into_response();
    };
    let unit = if series == Series::EpochRecords { 1.0 } else { 1_000.0 };
    let text = hgrm::text(&shown.gauges.histogram(series), unit);
    let attachment = format!("attachment; filename=\"{file}\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, attachment),
    ];
    (headers, text).into_response()
}
