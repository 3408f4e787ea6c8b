//! Reading and writing of plain logs, in temporary directories.

use super::*;
use crate::types::{Lines, Output, Stream};
use std::fs;
use std::io::Write;
use xxhash_rust::xxh3::xxh3_128;

fn file(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, bytes).expect("a temporary file");
    path
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("bytes compress")
}

/// Every record as (partition, offset, text), read by so many at a time.
fn all(log: &mut Log, most: usize) -> Result<Vec<(u32, u64, String)>, FileError> {
    let mut records = Vec::new();
    loop {
        let batch = log.read(most)?;
        if batch.is_empty() {
            return Ok(records);
        }
        assert!(batch.len() <= most);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        records.extend(batch.iter().map(|r| (r.partition, r.offset, text(r.value))));
    }
}

#[test]
fn lines_of_several_files_and_forms() {
    let directory = tempfile::tempdir().expect("a directory");
    let plain = file(directory.path(), "a.ndjson", b"{1}\n\n \t\r\n{2}\n");
    let zipped = file(directory.path(), "b.ndjson.zst", &packed(b"\n{3}\r\n{4}"));
    let empty = file(directory.path(), "c.ndjson", b"");
    let last = file(directory.path(), "d.ndjson", b"{5}");
    let paths = [plain, zipped, empty, last];
    let expected = [(0, 0, "{1}"), (0, 3, "{2}"), (1, 1, "{3}\r"), (1, 2, "{4}"), (3, 0, "{5}")];
    for most in [1, 2, 100] {
        let mut log = Log::open(&paths).expect("all are there");
        let records = all(&mut log, most).expect("all can be read");
        assert_eq!(records, expected.map(|(file, line, text)| (file, line, text.to_owned())));
        assert_eq!(log.blank_lines(), 3);
        let (read, total) = log.progress();
        assert_eq!(read, total);
    }
}

#[test]
fn more_lines_than_the_buffer_holds() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut bytes = Vec::new();
    for number in 0..120_000 {
        writeln!(bytes, "{{\"number\":{number},\"padding\":\"{}\"}}", "x".repeat(number % 97))
            .expect("memory");
    }
    assert!(bytes.len() > 8 << 20);
    let path = file(directory.path(), "a.ndjson.zst", &packed(&bytes));
    let records = all(&mut Log::open(&[path]).expect("it is there"), 1_024).expect("it can be read");
    let again: String = records.iter().map(|(_, _, text)| text.clone() + "\n").collect();
    assert_eq!(again.into_bytes(), bytes);
    assert!(records.iter().enumerate().all(|(place, (_, line, _))| place as u64 == *line));
}

#[test]
fn a_line_longer_than_the_buffer_is_cut_and_its_neighbours_are_not() {
    let directory = tempfile::tempdir().expect("a directory");
    for length in [4 << 20, (4 << 20) + 1, 13 << 20] {
        let bytes = [b"{1}\n".as_slice(), &vec![b'x'; length], b"\n{2}\n"].concat();
        let path = file(directory.path(), "a.ndjson", &bytes);
        let records = all(&mut Log::open(&[path]).expect("it is there"), 10).expect("it can be read");
        let seen: Vec<_> = records.iter().map(|(_, line, text)| (*line, text.len())).collect();
        assert_eq!(seen, [(0, 3), (1, 4 << 20), (2, 3)], "{length}");
    }
}

#[test]
fn what_cannot_be_read_names_file_and_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing.ndjson");
    let error = Log::open(std::slice::from_ref(&missing)).err().expect("it is missing");
    assert!(matches!(&error, FileError::Open { path, .. } if *path == missing), "{error}");
    let folder = Log::open(&[directory.path().to_owned()]).err().expect("it is a directory");
    assert!(matches!(folder, FileError::Open { .. }), "{folder}");
    let bytes: Vec<u8> = (0..50_000)
        .flat_map(|n: u32| format!("{{\"n\":{}}}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect();
    let whole = packed(&bytes);
    for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
        let path = file(directory.path(), "cut.ndjson.zst", &whole[..cut]);
        let error = Log::open(std::slice::from_ref(&path))
            .and_then(|mut log| all(&mut log, 512))
            .expect_err("it is cut");
        let FileError::Damaged { path: named, line, .. } = &error else { panic!("{error}") };
        assert_eq!(*named, path);
        assert!(*line >= 1 && error.to_string().contains(&format!("cut.ndjson.zst:{line}: ")), "{error}");
        assert!(cut != whole.len() - 1 || *line > 40_000, "the lines before were read: {line}");
    }
    let garbage = file(directory.path(), "garbage.ndjson.zst", b"{\"not\":\"zstd\"}\n");
    let error = Log::open(&[garbage]).and_then(|mut log| all(&mut log, 512)).expect_err("it is no zstd");
    assert!(matches!(error, FileError::Damaged { line: 1, .. }), "{error}");
}

fn put(lines: &mut Lines, stream: Stream, text: &str) {
    lines.bytes.extend_from_slice(text.as_bytes());
    lines.end(stream);
}

/// Output of batch `n`: some lines of each kind in two divisions.
fn output(n: u32) -> Output {
    let mut output = Output::new(2);
    put(&mut output.rejected, Stream::Rejected, &format!("r{n}"));
    put(&mut output.identity, Stream::Customers, &format!("c{n}"));
    for (division, lines) in output.divisions.iter_mut().enumerate() {
        for stream in [Stream::Assignments, Stream::Conversations, Stream::Sla, Stream::Assignments] {
            put(lines, stream, &format!("{}{division}-{n}", stream.word()));
        }
    }
    output
}

fn stream_text(directory: &Path, stream: Stream) -> String {
    fs::read_to_string(directory.join(format!("{}.ndjson", stream.word()))).expect("each stream has its file")
}

#[test]
fn streams_are_in_order_whether_spilt_or_not() {
    let mut hashes = Vec::new();
    for budget in [0, 100, 1 << 20] {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path().join("deep/er");
        let mut files = StreamFiles::with_budget(&out, 2, budget).expect("a directory");
        (0..30).for_each(|n| files.append(&output(n)).expect("there is room"));
        hashes.push(files.finish(&["a".to_owned(), "b".to_owned()]).expect("there is room"));
        let of = |prefix: &str, twice: bool| -> String {
            let lines = (0..30).map(|n| format!("{prefix}{n}\n"));
            lines.flat_map(|line| std::iter::repeat_n(line, 1 + usize::from(twice))).collect()
        };
        assert_eq!(
            stream_text(&out, Stream::Assignments),
            of("assignments0-", true) + &of("assignments1-", true)
        );
        assert_eq!(stream_text(&out, Stream::Sla), of("sla0-", false) + &of("sla1-", false));
        assert_eq!(stream_text(&out, Stream::Replies), "");
        assert_eq!(stream_text(&out, Stream::Customers), of("c", false));
        assert_eq!(stream_text(&out, Stream::Rejected), of("r", false));
        assert_eq!(fs::read_dir(&out).expect("a directory").count(), 6, "nothing but the streams is left");
        let whole: String = Stream::ALL.iter().map(|stream| stream_text(&out, *stream)).collect();
        assert_eq!(hashes.last(), Some(&xxh3_128(whole.as_bytes())));
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn an_unfinished_run_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut files = StreamFiles::with_budget(directory.path(), 2, 0).expect("a directory");
    files.append(&output(1)).expect("there is room");
    drop(files);
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    if !Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full here");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("/dev/full", directory.path().join("sla.ndjson.tmp")).expect("a link");
    let mut files = StreamFiles::create(directory.path(), 2).expect("a directory");
    files.append(&output(1)).expect("memory");
    let error = files.finish(&["a".to_owned(), "b".to_owned()]).expect_err("the disk is full");
    assert!(
        matches!(&error, FileError::Write { path, source } if path.ends_with("sla.ndjson.tmp")
        && source.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
}
