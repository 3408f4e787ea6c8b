//! Brings a client back that has forgotten every broker. A broker that is just starting may answer that the cluster has none;
//! librdkafka (2.12, its issue 5301) then drops all that it knows, those it began with too, and never asks anybody again.

use std::cell::Cell;
use std::ffi::CString;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::io::kafka::native::name_brokers;

/// From the word that all brokers are down to naming them again: by then the client has dropped what it drops.
const AGAIN: Duration = Duration::from_secs(1);

/// The brokers that a client begins with, and whether it has lost all.
#[derive(Debug)]
pub struct Reach {
    brokers: CString,
    lost: Cell<Option<Instant>>,
}

impl Reach {
    /// Of a client that begins with these brokers, as in `bootstrap.servers`.
    pub fn new(brokers: &str) -> Reach {
        // librdkafka has refused a list with a zero byte before.
        Reach { brokers: CString::new(brokers).unwrap_or_default(), lost: Cell::new(None) }
    }

    /// The client told of an error.
    pub fn heard(&self, error: &KafkaError) {
        // It may say so again before it is helped.
        let known = self.lost.get().is_some();
        if !known && error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.lost.set(Some(Instant::now()));
        }
    }

    /// To be called whenever the client is polled: names the brokers again if it said some time ago that all are down. If they
    /// still are it says so again.
    pub fn restore<C: ClientContext>(&self, client: &Client<C>) {
        if self.lost.get().is_some_and(|lost| lost.elapsed() >= AGAIN) {
            self.lost.set(None);
            name_brokers(client, &self.brokers);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer, DefaultConsumerContext};
    use rdkafka::mocking::MockCluster;

    use super::*;

    #[test]
    fn a_client_whose_brokers_are_all_gone_finds_those_that_it_is_told_of_again() {
        let cluster = MockCluster::new(1).unwrap();
        // Nobody listens where this one was.
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut config = ClientConfig::new();
        let config = config.set("bootstrap.servers", gone).set("group.id", "g");
        let consumer: BaseConsumer<DefaultConsumerContext> = config.create().unwrap();
        let reach = Reach::new(&cluster.bootstrap_servers());
        let begun = Instant::now();
        let mut heard = false;
        loop {
            assert!(begun.elapsed() < Duration::from_secs(60), "all down was told: {heard}");
            reach.restore(consumer.client());
            if let Some(Err(error)) = consumer.poll(Duration::from_millis(50)) {
                reach.heard(&error);
                heard |= reach.lost.get().is_some();
            }
            if heard && consumer.fetch_metadata(None, Duration::from_millis(200)).is_ok() {
                break;
            }
        }
    }
}
