//! What the safe client of librdkafka lacks; what leaves this module is safe.
//!
//! Batch consumption: `rd_kafka_consume_batch_queue` on one queue a partition, which costs a third of the safe API's
//! one event a record, and leaves what is not asked for with librdkafka, so a partition that runs ahead is held back
//! by its own queue limits. Its messages are borrowed views that live as long as the call.
//!
//! Flushing: the safe client flushes for no time at all, again and again, and librdkafka sends what lingers only if it
//! sees a flush while it lasts.
//!
//! Brokers named later than at the start (`reach` says why).
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_void};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as rd;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::IsError;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode;

use crate::io::kafka::Waker;
use crate::io::kafka::context::{Deliveries, Quiet};
use crate::types::Millis;

/// Messages asked for in one call.
const BATCH: usize = 4_096;

/// Has a producer send all that it holds, whatever `linger.ms` says, until all is acknowledged or failed, for at most `wait` (whole
/// milliseconds). Another thread must poll the producer meanwhile: only what was heard of counts as acknowledged.
pub fn flush(producer: &BaseProducer<Deliveries>, wait: Duration) {
    let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives as long as the borrow; the call is safe from any thread. Whether all went, `in_flight_count` tells.
    unsafe { rd::rd_kafka_flush(producer.client().native_ptr(), millis) };
}

/// Names brokers to a client, as `bootstrap.servers` does; those that it knows already change nothing.
pub fn name_brokers<C: ClientContext>(client: &Client<C>, brokers: &CStr) {
    // SAFETY: the client lives as long as the borrow, the list is a terminated string that librdkafka copies; the call is safe from
    // any thread. How many it took makes no difference.
    unsafe { rd::rd_kafka_brokers_add(client.native_ptr(), brokers.as_ptr()) };
}

/// The queue of one assigned partition.
pub struct PartitionQueue {
    queue: NonNull<rd::rd_kafka_queue_t>,
    topic: CString,
    partition: i32,
    messages: Vec<*mut rd::rd_kafka_message_t>,
    /// The queue writes to its descriptor, so it stays open as long as the queue does.
    _waker: Arc<UnixStream>,
    /// The queue is the client's, so the client outlives it.
    consumer: Arc<BaseConsumer<Quiet>>,
}

/// A message, or a word of librdkafka about the partition, for as long as the call lasts.
pub struct Received<'m> {
    message: &'m rd::rd_kafka_message_t,
}

impl PartitionQueue {
    /// The queue of a partition that the consumer is about to be assigned: its messages will come here and not through
    /// the consumer, from the first one on (librdkafka leaves a queue alone that the application has redirected).
    /// `waker` is woken when it fills. `None`: no such partition.
    pub fn split(
        consumer: Arc<BaseConsumer<Quiet>>,
        topic: &CStr,
        partition: i32,
        waker: &Waker,
    ) -> Option<PartitionQueue> {
        let waker = waker.0.clone();
        // SAFETY: the client lives (`consumer` is held), the topic is a terminated string that librdkafka copies. The
        // reference to the queue that is returned is ours until `rd_kafka_queue_destroy`, in `drop`. Forwarding to no
        // queue is the documented way to take a partition out of the consumer's own queue. The payload of the event
        // is copied by `io_event_enable`; the descriptor is kept open by `_waker` until `drop` has ended the events.
        unsafe {
            let client = consumer.client().native_ptr();
            let queue = NonNull::new(rd::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition))?;
            rd::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            let payload = [1_u8];
            let fd = waker.as_raw_fd();
            rd::rd_kafka_queue_io_event_enable(queue.as_ptr(), fd, payload.as_ptr().cast::<c_void>(), 1);
            Some(PartitionQueue {
                queue,
                topic: topic.to_owned(),
                partition,
                messages: vec![ptr::null_mut(); BATCH],
                _waker: waker,
                consumer,
            })
        }
    }

    /// Hands over what waits, at most `BATCH`, without waiting; tells how many there were.
    pub fn drain(&mut self, mut each: impl FnMut(Received<'_>)) -> usize {
        // SAFETY: the queue is ours and alive; `messages` has room for as many pointers as are announced. The call
        // returns how many it filled, or -1. A time-out of 0 does not block.
        let count = unsafe {
            rd::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                0,
                self.messages.as_mut_ptr(),
                self.messages.len(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        let batch = Batch(&self.messages[..count]);
        for message in batch.0 {
            // SAFETY: the pointer was filled by the call above and is not null; the message is ours and unchanged
            // until `Batch` destroys it, after `each` has seen it; `Received` cannot outlive this borrow.
            each(Received { message: unsafe { &**message } });
        }
        count
    }

    /// The end of the partition as the broker told it with its last answer; `None`: it has not answered yet.
    pub fn end_seen(&self) -> Option<u64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client lives, the topic is a terminated string, both results are valid places for an i64. The
        // call only reads what librdkafka has cached.
        let error = unsafe {
            let client = self.consumer.client().native_ptr();
            rd::rd_kafka_get_watermark_offsets(
                client,
                self.topic.as_ptr(),
                self.partition,
                &mut low,
                &mut high,
            )
        };
        if error.is_error() { None } else { u64::try_from(high).ok() }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and alive (the client, in `consumer`, is dropped after this); a descriptor of -1
        // ends the events, so nothing writes to the socket afterwards; then our one reference is given back.
        unsafe {
            rd::rd_kafka_queue_io_event_enable(self.queue.as_ptr(), -1, ptr::null(), 0);
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Messages that are ours; they go back even if their reader panics.
struct Batch<'q>(&'q [*mut rd::rd_kafka_message_t]);

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for message in self.0 {
            // SAFETY: each was filled by `rd_kafka_consume_batch_queue`, is ours, and is destroyed once, here.
            unsafe { rd::rd_kafka_message_destroy(*message) };
        }
    }
}

impl Received<'_> {
    /// What librdkafka says instead of a message: the end of the partition, or an error.
    pub fn error(&self) -> Option<RDKafkaErrorCode> {
        self.message.err.is_error().then(|| self.message.err.into())
    }

    /// Offset.
    pub fn offset(&self) -> u64 {
        u64::try_from(self.message.offset).expect("the offset of a message is not negative")
    }

    /// Timestamp; 0 if the record has none.
    pub fn timestamp(&self) -> Millis {
        let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, `kind` is a valid place.
        let timestamp = unsafe { rd::rd_kafka_message_timestamp(self.message, &mut kind) };
        Millis(timestamp.max(0))
    }

    /// Value; empty if there is none (a tombstone). Of an error: its text.
    pub fn value(&self) -> &[u8] {
        if self.message.payload.is_null() {
            return &[];
        }
        // SAFETY: a message's payload is `len` bytes, unchanged as long as the message lives.
        unsafe { std::slice::from_raw_parts(self.message.payload.cast::<u8>(), self.message.len) }
    }

    /// Headers in order: name, value.
    pub fn headers(&self, mut each: impl FnMut(&[u8], &[u8])) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive, `headers` is a valid place; the list stays the message's and lives as long as
        // it does. The message was handed to us alone, so parsing its headers into it races with nobody.
        let none = unsafe { rd::rd_kafka_message_headers(self.message, &mut headers) };
        if none.is_error() {
            return;
        }
        for at in 0.. {
            let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the list lives, the three results are valid places; past the last header an error is returned.
            let end = unsafe { rd::rd_kafka_header_get_all(headers, at, &mut name, &mut value, &mut len) };
            if end.is_error() {
                return;
            }
            // SAFETY: without error `name` is a terminated string and `value` is `len` bytes or null; both belong to
            // the list.
            let (name, value) = unsafe {
                let value: &[u8] =
                    if value.is_null() { &[] } else { std::slice::from_raw_parts(value.cast::<u8>(), len) };
                (CStr::from_ptr(name), value)
            };
            each(name.to_bytes(), value);
        }
    }
}
