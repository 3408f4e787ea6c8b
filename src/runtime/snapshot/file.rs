//! The form of a snapshot file:
//!
//! | part | bytes |
//! |---|---|
//! | first line | `trunkline snapshot 1` |
//! | second line | the header, a JSON object |
//! | 16 | xxh3-128 of both lines |
//! | blocks | length (4), xxh3-64 of number and content (8), content (up to 1 MiB) |
//! | last block | length 0 (4), xxh3-128 of all contents (16), their length (8) |
//!
//! Numbers are little-endian. Nothing follows the last block. So every byte is under a checksum, and a file that was cut
//! anywhere is told from a whole one.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed, xxh3_128};

use crate::runtime::SEMANTICS;
use crate::runtime::journal::Hash;

/// First line of a file of this form.
const FIRST_LINE: &str = "trunkline snapshot 1\n";
/// What every form's first line begins with.
const KIND: &str = "trunkline snapshot ";
/// Most bytes of a block's content.
const BLOCK: usize = 1 << 20;
/// Most bytes of a line of the head.
const LINE_MAX: u64 = 64 << 10;

/// Form of the content. Another one needs a migration from this one.
pub const CONTENT: u32 = 4;

/// What stands at the head of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Form of the content.
    pub content: u32,
    /// Of the engine that wrote it.
    pub semantics: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Whose.
    pub tenant: String,
    /// The last epoch that it holds.
    pub epoch: u64,
    /// Hash of that epoch's record.
    pub record: Hash,
    /// `now` of that epoch, milliseconds since 1970.
    pub now: i64,
    /// Hash of the rules in force.
    pub rules: Hash,
    /// Tells whether the secret key is the one that identifiers are hashed under.
    pub key: Hash,
    /// From this place of the epoch log on the epoch is found. Not a part of the state.
    pub place: u64,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read, or ends too early, or was changed.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Of a form or semantics that this program does not know.
    #[error("{0}")]
    Version(String),
    /// Not this tenant's, or not under this key.
    #[error("{0}")]
    Foreign(String),
}

#[allow(clippy::needless_pass_by_value, reason = "errors are handed on by `map_err`")]
fn damaged(what: impl ToString) -> Unusable {
    Unusable::Damaged(what.to_string())
}

/// Writes the content in blocks.
pub struct Writer<'a> {
    to: &'a mut dyn Write,
    block: Vec<u8>,
    number: u64,
    whole: Box<Xxh3>,
    bytes: u64,
}

impl<'a> Writer<'a> {
    /// Writes the head.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn new(to: &'a mut dyn Write, header: &Header) -> io::Result<Writer<'a>> {
        let mut head = FIRST_LINE.as_bytes().to_vec();
        serde_json::to_writer(&mut head, header)?;
        head.push(b'\n');
        to.write_all(&head)?;
        to.write_all(&xxh3_128(&head).to_le_bytes())?;
        Ok(Writer { to, block: Vec::with_capacity(BLOCK), number: 0, whole: Box::default(), bytes: 0 })
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.to.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.to.write_all(&xxh3_64_with_seed(&self.block, self.number).to_le_bytes())?;
        self.to.write_all(&self.block)?;
        self.whole.update(&self.block);
        self.bytes += self.block.len() as u64;
        self.number += 1;
        self.block.clear();
        Ok(())
    }

    /// Writes the end; the hash of the content: equal states have equal hashes.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn finish(mut self) -> io::Result<u128> {
        self.end_block()?;
        let hash = self.whole.digest128();
        self.to.write_all(&0_u32.to_le_bytes())?;
        self.to.write_all(&hash.to_le_bytes())?;
        self.to.write_all(&self.bytes.to_le_bytes())?;
        self.to.flush()?;
        Ok(hash)
    }
}

impl Write for Writer<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.end_block()?;
        }
        Ok(taken)
    }

    /// Most of what is written is a number.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < BLOCK - self.block.len() {
            self.block.extend_from_slice(bytes);
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.write(rest)?;
            rest = &rest[taken..];
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the content, block by block, each checked before any of it is given.
pub struct Reader<'a> {
    from: BufReader<Box<dyn Read + 'a>>,
    block: Vec<u8>,
    at: usize,
    number: u64,
    whole: Box<Xxh3>,
    bytes: u64,
    /// Hash of the content, when its end was reached.
    hash: Option<u128>,
}

impl<'a> Reader<'a> {
    /// Reads the head.
    ///
    /// # Errors
    /// If it is damaged, or of another form or semantics.
    pub fn new(from: Box<dyn Read + 'a>) -> Result<(Header, Reader<'a>), Unusable> {
        let mut from = BufReader::with_capacity(64 << 10, from);
        let mut head = Vec::new();
        let mut line = |head: &mut Vec<u8>| {
            let start = head.len();
            from.by_ref().take(LINE_MAX).read_until(b'\n', head).map_err(damaged)?;
            Ok::<_, Unusable>(String::from_utf8_lossy(&head[start..]).into_owned())
        };
        let first = line(&mut head)?;
        if first != FIRST_LINE {
            return Err(match first.strip_prefix(KIND) {
                Some(form) if first.ends_with('\n') => Unusable::Version(format!(
                    "it is of form {}, this program knows form 1",
                    form.trim_end().escape_debug()
                )),
                _ => damaged("it does not begin as a snapshot does"),
            });
        }
        let second = line(&mut head)?;
        let mut hash = [0; 16];
        from.read_exact(&mut hash).map_err(|_| damaged("it ends in its head"))?;
        if u128::from_le_bytes(hash) != xxh3_128(&head) {
            return Err(damaged("the checksum of its head is another"));
        }
        let header = header(&second)?;
        let reader =
            Reader { from, block: Vec::new(), at: 0, number: 0, whole: Box::default(), bytes: 0, hash: None };
        Ok((header, reader))
    }

    /// Reads what is left and checks that the file ends as it should; bytes and hash of the content.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn finish(mut self) -> Result<(u64, u128), Unusable> {
        loop {
            if let Some(hash) = self.hash {
                return Ok((self.bytes, hash));
            }
            self.next_block().map_err(damaged)?;
        }
    }

    /// Bytes of content read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn next_block(&mut self) -> io::Result<()> {
        let broken = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let number = self.number;
        let cut = |_| broken(format!("it ends in block {number}"));
        let mut len = [0; 4];
        self.from.read_exact(&mut len).map_err(cut)?;
        let len = u32::from_le_bytes(len) as usize;
        (self.at, self.number) = (0, number + 1);
        if len == 0 {
            self.block.clear();
            return self.end();
        }
        if len > BLOCK {
            return Err(broken(format!("block {number} is too long")));
        }
        let mut hash = [0; 8];
        self.from.read_exact(&mut hash).map_err(cut)?;
        self.block.resize(len, 0);
        self.from.read_exact(&mut self.block).map_err(cut)?;
        if xxh3_64_with_seed(&self.block, number) != u64::from_le_bytes(hash) {
            return Err(broken(format!("the checksum of block {number} is another")));
        }
        self.whole.update(&self.block);
        self.bytes += len as u64;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        let (mut hash, mut bytes) = ([0; 16], [0; 8]);
        self.from.read_exact(&mut hash).map_err(|_| broken("it ends in its last block"))?;
        self.from.read_exact(&mut bytes).map_err(|_| broken("it ends in its last block"))?;
        let found = self.whole.digest128();
        if (u128::from_le_bytes(hash), u64::from_le_bytes(bytes)) != (found, self.bytes) {
            return Err(broken("the checksum of the whole is another"));
        }
        if self.from.read(&mut [0])? > 0 {
            return Err(broken("something follows its end"));
        }
        self.hash = Some(found);
        Ok(())
    }
}

impl Read for Reader<'_> {
    /// Most of what is read is a number.
    #[inline]
    fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
        if let Some(bytes) = self.block.get(self.at..self.at + into.len()) {
            into.copy_from_slice(bytes);
            self.at += into.len();
            return Ok(());
        }
        let mut rest = into;
        while !rest.is_empty() {
            match self.read(rest)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                taken => rest = &mut rest[taken..],
            }
        }
        Ok(())
    }

    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            if self.hash.is_some() {
                return Ok(0);
            }
            self.next_block()?;
        }
        let taken = into.len().min(self.block.len() - self.at);
        into[..taken].copy_from_slice(&self.block[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

/// Only what is read first, so that another form is told as such.
#[derive(Deserialize)]
struct Versions {
    content: u32,
    semantics: u32,
    version: String,
}

fn header(line: &str) -> Result<Header, Unusable> {
    let versions: Versions = serde_json::from_str(line).map_err(damaged)?;
    if (versions.content, versions.semantics) != (CONTENT, SEMANTICS) {
        return Err(Unusable::Version(format!(
            "written by version {} with content {} and semantics {}, this program has content {CONTENT} and semantics \
             {SEMANTICS}",
            versions.version, versions.content, versions.semantics
        )));
    }
    serde_json::from_str(line).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Header {
        Header {
            content: CONTENT,
            semantics: SEMANTICS,
            version: "0.1.0".into(),
            tenant: "t".into(),
            epoch: 7,
            record: Hash(1),
            now: 2,
            rules: Hash(3),
            key: Hash(4),
            place: 5,
        }
    }

    fn file(content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, &head()).unwrap();
        writer.write_all(content).unwrap();
        assert_eq!(writer.finish().unwrap(), xxh3_128(content));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), Unusable> {
        let (header, mut reader) = Reader::new(Box::new(bytes))?;
        let mut content = Vec::new();
        reader.read_to_end(&mut content).map_err(damaged)?;
        assert_eq!(reader.finish()?, (content.len() as u64, xxh3_128(&content)));
        Ok((header, content))
    }

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17] {
            let content: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
            let (header, found) = read(&file(&content)).unwrap();
            assert_eq!(header, head());
            assert!(found == content, "{len} bytes");
        }
    }

    /// The form is that of files: a change of it needs another first line.
    #[test]
    fn the_form_of_version_1() {
        let bytes = file(b"state");
        let text = format!(
            "trunkline snapshot 1\n{{\"content\":{CONTENT},\"semantics\":{SEMANTICS},{}\n",
            concat!(
                r#""version":"0.1.0","tenant":"t","epoch":7,"#,
                r#""record":"00000000000000000000000000000001","now":2,"rules":"00000000000000000000000000000003","#,
                r#""key":"00000000000000000000000000000004","place":5}"#,
            )
        );
        assert_eq!(&bytes[..text.len()], text.as_bytes());
        let rest = &bytes[text.len() + 16..];
        assert_eq!(rest[..4], 5_u32.to_le_bytes());
        assert_eq!(&rest[12..17], b"state");
        assert_eq!(rest[17..21], 0_u32.to_le_bytes());
        assert_eq!((rest.len(), rest[37..].len()), (45, 8));
    }

    #[test]
    fn a_file_that_was_cut_anywhere_is_told() {
        let whole = file(&vec![9; BLOCK + 300]);
        let near = |at: usize| (at.saturating_sub(40)..at + 40).collect::<Vec<_>>();
        for len in [near(40), near(330), near(BLOCK + 330), near(whole.len() - 40)].concat() {
            assert!(matches!(read(&whole[..len]), Err(Unusable::Damaged(_))), "{len} bytes of it");
        }
    }

    #[test]
    fn a_bit_that_was_turned_anywhere_is_told() {
        let whole = file(&[9; 500]);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                assert!(read(&bytes).is_err(), "bit {bit} of byte {at}");
            }
        }
        assert!(read(&[&whole[..], b"x"].concat()).is_err(), "something behind the end");
    }

    #[test]
    fn other_versions_are_told_as_such() {
        let told = |file: &[u8]| read(file).unwrap_err().to_string();
        assert!(told(b"trunkline snapshot 2\n{}\n").contains("form 2"));
        let empty = |header: &Header| {
            let mut bytes = Vec::new();
            Writer::new(&mut bytes, header).unwrap().finish().unwrap();
            bytes
        };
        let bytes = empty(&Header { content: 9, ..head() });
        assert!(told(&bytes).contains("content 9"), "{}", told(&bytes));
        let bytes = empty(&Header { semantics: 8, ..head() });
        assert!(told(&bytes).contains("semantics 8"), "{}", told(&bytes));
    }
}
