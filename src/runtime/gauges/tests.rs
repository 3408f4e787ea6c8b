//! Values arrive, from several threads too; a reader never stops a writer.

use super::*;

#[test]
fn a_task_is_recorded_once_and_its_events_each() {
    let gauges = Gauges::default();
    let mut recorder = gauges.recorder();
    recorder.task(Stage::Route, 51_200, 512);
    recorder.task(Stage::Route, 7_000, 0);
    let snapshot = gauges.snapshot();
    let tasks = snapshot.histogram(Series::Task(Stage::Route));
    assert_eq!((tasks.len(), tasks.max() / 100), (2, 512));
    let events = snapshot.histogram(Series::Event(Stage::Route));
    assert_eq!((events.len(), events.min(), events.max()), (512, 100, 100));
    assert!(snapshot.histogram(Series::Task(Stage::Emit)).is_empty());
}

#[test]
fn series_have_places_and_names_of_their_own() {
    let mut places: Vec<_> = Series::all().map(Series::at).collect();
    places.sort_unstable();
    assert_eq!(places, (0..Series::COUNT).collect::<Vec<_>>());
    let names: std::collections::BTreeSet<_> = Series::all().map(Series::name).collect();
    assert_eq!(names.len(), Series::COUNT);
}

#[test]
fn threads_add_up_while_somebody_reads() {
    let gauges = Gauges::default();
    let write = |mut recorder: Recorder| {
        for n in 0..20_000_u64 {
            recorder.end_to_end(n, 1);
            recorder.count(Count::Records, 1);
            recorder.outputs(Stream::Sla, 2);
        }
    };
    let seen = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let recorder = gauges.recorder();
                scope.spawn(move || write(recorder))
            })
            .collect();
        let mut seen = vec![0];
        while threads.iter().any(|thread| !thread.is_finished()) {
            seen.push(gauges.snapshot().count(Count::Records));
        }
        seen
    });
    assert!(seen.is_sorted(), "counts never go back");
    let snapshot = gauges.snapshot();
    assert_eq!(snapshot.count(Count::Records), 60_000);
    assert_eq!(snapshot.outputs[Stream::Sla as usize], 120_000);
    assert_eq!(snapshot.histogram(Series::EndToEnd).len(), 60_000);
}

#[test]
fn the_next_thread_goes_on_where_one_ended() {
    let gauges = Gauges::default();
    for _ in 0..10 {
        gauges.recorder().count(Count::Epochs, 1);
    }
    assert_eq!(lock(&gauges.0.boards).len(), 1);
    assert_eq!(gauges.snapshot().count(Count::Epochs), 10);
    let both = (gauges.recorder(), gauges.recorder());
    assert_eq!(lock(&gauges.0.boards).len(), 2);
    drop(both);
}

#[test]
fn a_reader_who_holds_on_stops_no_publication_for_ever() {
    let gauges = Gauges::default();
    let mut recorder = gauges.recorder();
    let held = lock(&gauges.0.readings);
    recorder.publish(|_| panic!("somebody reads"));
    drop(held);
    recorder.publish(|readings| readings.tally.events = 7);
    assert_eq!(gauges.snapshot().readings.tally.events, 7);
    recorder.level(Level::EpochsInFlight, 2);
    recorder.beat(Millis(5));
    gauges.set_phase(Phase::Leading);
    let snapshot = gauges.snapshot();
    assert_eq!(
        (snapshot.level(Level::EpochsInFlight), snapshot.beat, snapshot.phase),
        (2, Millis(5), Phase::Leading)
    );
}
