//! Habits: every file says what it is for, nothing is left unfinished, nothing panics without a reason, nothing
//! sleeps, nothing names one machine, and whoever comes newly finds the two commands.

use super::source::{Source, Tree, line_of, root, text_of, words};
use super::{Finding, each_source, finds, none};

/// The only modules with `unsafe` code; `architecture.md` says why each needs it.
const UNSAFE: [&str; 5] = [
    "src/collections/prefetch.rs",
    "src/pipeline/decode/scan.rs",
    "src/io/kafka/native.rs",
    "src/io/memory.rs",
    "src/io/snapshots.rs",
];

/// What may stand at the top.
const TOP: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "benches",
    "config",
    "scripts",
    "tests",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
];

#[test]
fn every_file_says_what_it_is_for() {
    each_source(documented);
}

#[test]
fn unwrap_is_for_tests() {
    each_source(unwraps);
}

#[test]
fn nothing_is_unfinished() {
    each_source(unfinished);
}

#[test]
fn unsafe_code_stands_in_named_modules() {
    each_source(unsafe_code);
}

#[test]
fn tests_do_not_sleep() {
    each_source(sleeps);
}

#[test]
fn no_file_names_one_machine() {
    let tree = Tree::read();
    none(
        tree.paths
            .iter()
            .filter(|path| *path != "Cargo.lock")
            .flat_map(|path| machines(path, &text_of(path))),
    );
}

#[test]
fn the_top_level_is_the_agreed_one() {
    let tops = Tree::read().paths.iter().filter_map(|path| path.split('/').next().map(str::to_owned));
    let strange = tops.filter(|top| !top.starts_with('.') && !TOP.contains(&top.as_str()));
    none(strange.map(|top| Finding::of(&top, "not of the agreed top level")));
}

#[test]
fn scripts_can_be_run_and_read() {
    let tree = Tree::read();
    let scripts = tree.paths.iter().filter(|path| path.starts_with("scripts/") || path.starts_with(".ci/"));
    let mut found: Vec<Finding> =
        scripts.flat_map(|path| script(path, &text_of(path), has_run_bit(path))).collect();
    for needed in ["scripts/demo", "scripts/test", "scripts/check", ".ci/run"] {
        if !root().join(needed).is_file() {
            found.push(Finding::of(needed, "is missing"));
        }
    }
    none(found);
}

#[test]
fn the_readme_shows_both_commands() {
    let readme = text_of("README.md");
    let missing = ["scripts/demo", "scripts/test"].into_iter().filter(|command| !readme.contains(command));
    none(missing.map(|command| Finding::of("README.md", format!("does not show {command}"))));
    assert!(text_of(".ci/run").contains("scripts/test"), ".ci/run runs the README's test command");
}

fn documented(source: &Source) -> Vec<Finding> {
    let says = source.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    if says {
        Vec::new()
    } else {
        vec![Finding::at(source, 1, "a file opens with `//!`: what for, why so, what it may not do")]
    }
}

fn unwraps(source: &Source) -> Vec<Finding> {
    let code = &source.product;
    let unwraps = code.match_indices(".unwrap()").chain(code.match_indices(".unwrap_err()"));
    unwraps
        .map(|(at, _)| {
            Finding::at(source, line_of(code, at), "no unwrap outside tests: `expect` states the invariant")
        })
        .collect()
}

fn unfinished(source: &Source) -> Vec<Finding> {
    let macros = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!"));
    let marks = ["FIXM", "XX"].map(|head| format!("{head}{}", &head[head.len() - 1..].replace('M', "E")));
    let mut at: Vec<usize> =
        macros.iter().flat_map(|name| source.code.match_indices(name.as_str())).map(|(at, _)| at).collect();
    at.extend(words(&source.code, "ignore").filter(|at| source.code[..*at].ends_with("#[")));
    at.extend(marks.iter().flat_map(|mark| words(&source.text, mark)));
    at.into_iter()
        .map(|at| Finding::at(source, line_of(&source.text, at), "unfinished, or switched off"))
        .collect()
}

/// `unsafe` elsewhere, and blocks that do not say above why they are sound.
fn unsafe_code(source: &Source) -> Vec<Finding> {
    /// How far above a block its reason may stand.
    const LINES_ABOVE: usize = 8;
    let named = UNSAFE.contains(&source.path.as_str());
    let mut found = Vec::new();
    for at in words(&source.code, "unsafe") {
        let line = line_of(&source.code, at);
        let mut above = source.text.lines().skip(line.saturating_sub(LINES_ABOVE + 1)).take(LINES_ABOVE + 1);
        if !named && source.path.starts_with("src/") {
            found.push(Finding::at(source, line, "unsafe code stands in the named modules only"));
        } else if !above.any(|line| line.contains("SAFETY")) {
            found.push(Finding::at(source, line, "unsafe code says above why it is sound: SAFETY"));
        }
    }
    found
}

/// In tests, and in test code among the product's.
fn sleeps(source: &Source) -> Vec<Finding> {
    let lines = source.code.lines().zip(source.product.lines().chain(std::iter::repeat("")));
    let sleeping = lines.enumerate().filter(|(_, (code, product))| {
        code != product
            && words(code, "sleep")
                .any(|at| code[..at].ends_with("thread::") || code[..at].ends_with("time::"))
    });
    sleeping
        .map(|(at, _)| Finding::at(source, at + 1, "tests do not sleep: wait for the condition"))
        .collect()
}

fn machines(path: &str, text: &str) -> Vec<Finding> {
    // In pieces, so that this file does not find itself.
    let folders = ["work", "farm", "home", "root", "Users"].map(|name| format!("/{name}/"));
    let hosts = ["crates", "pypi", "npmjs", "maven", "debian"];
    let names_host = |line: &str| {
        line.split("://").skip(1).any(|rest| {
            let host = rest.split(['/', '"', ' ', ')', '<']).next().unwrap_or_default();
            hosts.iter().any(|name| host.contains(name))
        })
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if folders.iter().any(|folder| line.contains(folder.as_str())) || names_host(line) {
            found.push(Finding {
                place: format!("{path}:{}", number + 1),
                line: line.trim().to_owned(),
                rule: "a path of one machine, or the host of a registry".to_owned(),
            });
        }
    }
    found
}

fn script(path: &str, text: &str, runs: bool) -> Vec<Finding> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    if !lines.next().is_some_and(|line| line.starts_with("#!")) || !runs {
        found.push(Finding::of(path, "a script has its `#!` and its run bit"));
    }
    if !lines.next().is_some_and(|line| line.starts_with("# ")) {
        found.push(Finding::of(path, "a script says in its head what it does"));
    }
    if !text.contains("\nset -euo pipefail\n") {
        found.push(Finding::of(path, "a script stops at the first failure: set -euo pipefail"));
    }
    found
}

#[cfg(unix)]
fn has_run_bit(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(root().join(path)).is_ok_and(|file| file.permissions().mode() & 0o111 == 0o111)
}

#[cfg(not(unix))]
fn has_run_bit(_: &str) -> bool {
    true
}

#[test]
fn offences_against_habits_are_found() {
    finds(documented, "src/x.rs", "use a;\n", &[1]);
    finds(
        unwraps,
        "src/x.rs",
        "fn a() { b().unwrap(); }\n#[cfg(test)]\nmod tests { fn c() { d().unwrap(); } }\n",
        &[1],
    );
    finds(unwraps, "tests/x.rs", "fn a() { b().unwrap(); }\n", &[]);
    finds(
        unfinished,
        "src/x.rs",
        &format!("fn a() {{ to{}!() }}\n#[ig{}]\n// FIX{}\n", "do", "nore", "ME"),
        &[1, 2, 3],
    );
    finds(unsafe_code, "src/x.rs", "// SAFETY: none\nunsafe { a() }\n", &[2]);
    finds(unsafe_code, UNSAFE[0], "// SAFETY: b\nunsafe { a() }\n\n\n\n\n\n\n\n\nunsafe { c() }\n", &[11]);
    let nap = format!("thread::{}(a);", "sleep");
    finds(sleeps, "tests/x.rs", &format!("fn b() {{ std::{nap} }}\n"), &[1]);
    let both = format!("fn b() {{ {nap} }}\n#[cfg(test)]\nmod tests {{ fn c() {{ {nap} }} }}\n");
    finds(sleeps, "src/io/x.rs", &both, &[3]);
}

#[test]
fn machines_and_scripts_are_looked_at() {
    let hosts = format!("a\nsee https://{}.io/b\n/{}/c\nhttps://kafka.apache.org\n", "crates", "home");
    assert_eq!(
        machines("x", &hosts).iter().map(|found| found.place.as_str()).collect::<Vec<_>>(),
        ["x:2", "x:3"]
    );
    assert!(script("scripts/x", "#!/usr/bin/env bash\n# Does.\nset -euo pipefail\n", true).is_empty());
    assert_eq!(script("scripts/x", "#!/usr/bin/env bash\n# Does.\nset -euo pipefail\n", false).len(), 1);
    assert_eq!(script("scripts/x", "echo\n", true).len(), 3);
}
