//! The repository's files as the rules see them. Comments and the contents of literals are blanked out before a rule
//! looks for words, and so is test code where a rule is about the product; lines keep their numbers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Everything that belongs to the repository.
pub struct Tree {
    /// Paths from the root, with `/`.
    pub paths: Vec<String>,
    /// The Rust files among them.
    pub sources: Vec<Source>,
}

/// One Rust file.
pub struct Source {
    /// From the root, with `/`.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// Without comments and the contents of literals.
    pub code: String,
    /// The same without test code; empty in a file that is test code as a whole.
    pub product: String,
}

impl Tree {
    /// Reads the repository that this test was built from.
    pub fn read() -> &'static Tree {
        static TREE: LazyLock<Tree> = LazyLock::new(Tree::read_anew);
        &TREE
    }

    fn read_anew() -> Tree {
        let paths = paths();
        let rust = paths.iter().filter(|path| path.ends_with(".rs"));
        let mut sources: Vec<Source> = rust.map(|path| Source::new(path, &text_of(path))).collect();
        let tests = test_files(&sources);
        for source in sources.iter_mut().filter(|source| tests.contains(&source.path)) {
            source.product.clear();
        }
        Tree { paths, sources }
    }
}

impl Source {
    /// A file by its path and text.
    pub fn new(path: &str, text: &str) -> Source {
        let code = blank(text);
        let product = if path.starts_with("src/") { without_tests(&code) } else { String::new() };
        Source { path: path.to_owned(), text: text.to_owned(), code, product }
    }
}

/// Folder of `Cargo.toml`.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file's text; what is not UTF-8 is not looked at.
pub fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Where a word stands as a whole word: byte offsets.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).is_some_and(|before| part(code.as_bytes()[before]));
        !before && !code.as_bytes().get(at + word.len()).is_some_and(|after| part(*after))
    })
}

/// Number of the line of a byte offset, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Offset behind the brace that closes the one at `open`; the end, if none does.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// What git keeps; without git, all that is not built.
fn paths() -> Vec<String> {
    let listed = Command::new("git").arg("-C").arg(root()).arg("ls-files").output();
    if let Ok(output) = listed
        && output.status.success()
    {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        return text.lines().filter(|path| root().join(path).is_file()).map(str::to_owned).collect();
    }
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root().join(&folder)).expect("the repository can be read");
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(sort) if sort.is_file() => found.push(path.to_string_lossy().into_owned()),
                Ok(sort) if sort.is_dir() && !["target", ".git"].contains(&&*path.to_string_lossy()) => {
                    folders.push(path)
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Files that a `#[cfg(test)] mod name;` declares, and those that they declare.
fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    loop {
        let before = tests.len();
        for source in sources {
            let whole = tests.contains(&source.path);
            for at in words(&source.code, "mod") {
                let rest = &source.code[at + 3..];
                let name = rest[..rest.find([';', '{']).unwrap_or(0)].trim();
                let marked =
                    source.code[..at].trim_end_matches("pub(crate) ").trim_end().ends_with("#[cfg(test)]");
                if !name.is_empty()
                    && rest[rest.find(name).unwrap_or(0) + name.len()..].starts_with(';')
                    && (whole || marked)
                {
                    tests.extend(files_of_module(&source.path, name));
                }
            }
        }
        if tests.len() == before {
            return tests;
        }
    }
}

/// Where the module `name` that a file declares may stand.
fn files_of_module(path: &str, name: &str) -> [String; 2] {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    };
    [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
}

/// Blanks out what `#[cfg(test)]` marks: a block with its head, or a declaration up to its semicolon.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(at) = out[from..].find(MARK).map(|at| from + at) {
        let rest = &out[at + MARK.len()..];
        let declares = rest.trim_start().starts_with("use ");
        let end = match (rest.find(';'), rest.find('{')) {
            (Some(semicolon), Some(brace)) if semicolon < brace || declares => {
                at + MARK.len() + semicolon + 1
            }
            (Some(semicolon), None) => at + MARK.len() + semicolon + 1,
            (_, Some(brace)) => closing(&out, at + MARK.len() + brace),
            (None, None) => out.len(),
        };
        let blanked: String = out[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(at..end, &blanked);
        from = at + blanked.len();
    }
    out
}

/// Replaces comments and the contents of string and character literals by spaces; line ends stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => {
                text[at..].find('\n').map_or(bytes.len(), |length| at + length)
            }
            b'/' if bytes[at..].starts_with(b"/*") => end_of_comment(text, at),
            b'r' if begins_word(bytes, at) => end_of_raw(text, at),
            b'b' if bytes[at..].starts_with(b"br") && begins_word(bytes, at) => end_of_raw(text, at + 1),
            b'"' => end_of_string(bytes, at),
            b'\'' => end_of_character(text, at),
            _ => at + 1,
        };
        if end <= at + 1 {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).expect("only whole literals and comments are blanked")
}

fn begins_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn end_of_comment(text: &str, start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Behind `r"…"` or `r#"…"#`; no further than the `r` if that begins something else.
fn end_of_raw(text: &str, start: usize) -> usize {
    let hashes = text[start + 1..].bytes().take_while(|byte| *byte == b'#').count();
    let open = start + 1 + hashes;
    if text.as_bytes().get(open) != Some(&b'"') {
        return start + 1;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    text[open + 1..].find(&close).map_or(text.len(), |length| open + 1 + length + close.len())
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Behind a character literal; a lifetime is none.
fn end_of_character(text: &str, start: usize) -> usize {
    let mut characters = text[start + 1..].char_indices();
    match characters.next() {
        Some((_, '\\')) => {
            let escaped = characters.next().map_or(0, |(at, c)| at + c.len_utf8());
            text[start + 1 + escaped..].find('\'').map_or(text.len(), |length| start + 2 + escaped + length)
        }
        Some((_, c)) if text[start + 1 + c.len_utf8()..].starts_with('\'') => start + 2 + c.len_utf8(),
        _ => start + 1,
    }
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "let a = \"use x; \\\" {\"; // use y\n/* f64 /* nested\n */ */ let b: &'a str = r#\"\" unsafe\"#; let c = ['{', '\\'', 'é'];\n";
    let code = blank(text);
    assert_eq!(code.lines().count(), text.lines().count());
    for word in ["use", "f64", "nested", "unsafe", "{", "é"] {
        assert!(!code.contains(word), "{word}: {code}");
    }
    for word in ["let a", "let b: &'a str", "let c = ["] {
        assert!(code.contains(word), "{word}: {code}");
    }
}

#[test]
fn test_code_is_told_apart() {
    let text = "fn a() {}\n#[cfg(test)]\nuse b::{c};\n#[cfg(test)]\nmod d {\n    fn e() { f(); }\n}\nfn g() {}\n#[cfg(test)]\nmod h;\n";
    let source = Source::new("src/x.rs", text);
    assert_eq!(source.product.lines().count(), text.lines().count());
    assert_eq!(source.product.split_whitespace().collect::<Vec<_>>(), ["fn", "a()", "{}", "fn", "g()", "{}"]);
    let inner = Source::new("src/x/h.rs", "mod i;\n");
    let found = test_files(&[source, inner]);
    assert!(
        found.contains("src/x/h.rs") && found.contains("src/x/h/i.rs") && !found.contains("src/x/d.rs"),
        "{found:?}"
    );
}
