//! Layers: a module uses only those with a lower number, and its own folder. The core (layers 0 to 2) decides from
//! its arguments alone: it meets no clock, file, socket, thread or environment, no float, and no order that a random
//! hasher chose.

use super::source::{Source, line_of, words};
use super::{Finding, each_source, finds};

/// Top-level modules with their layers.
const LAYERS: [(&str, u32); 11] = [
    ("types", 0),
    ("collections", 1),
    ("rules", 1),
    ("pipeline", 2),
    ("runtime", 3),
    ("io", 4),
    ("observe", 4),
    ("model", 5),
    ("sim", 6),
    ("plan", 6),
    ("cli", 7),
];

/// The stages, in the order of the data.
const STAGES: [&str; 5] = ["decode", "identify", "understand", "route", "emit"];

/// What joins the first stages to the others.
const SEQUENCE: &str = "sequence";

/// What lets all of them go on by other rules.
const CHANGE: &str = "change";

/// What saves and restores all of them.
const STATE: &str = "state";

/// The last layer of the deterministic core.
const CORE: u32 = 2;

/// The oracle shares nothing else with what it checks.
const SEEN_BY_MODEL: [&str; 3] = ["types", "rules", "model"];

#[test]
fn a_layer_uses_lower_layers_only() {
    each_source(uses);
}

#[test]
fn stages_do_not_use_one_another() {
    each_source(stages);
}

#[test]
fn the_core_touches_nothing_outside() {
    each_source(outside);
}

#[test]
fn the_core_has_no_floats() {
    each_source(floats);
}

#[test]
fn the_core_has_no_default_hashers() {
    each_source(hashers);
}

#[test]
fn nothing_goes_through_an_unordered_map() {
    each_source(unordered);
}

/// The layer of a file; `None`: `lib.rs`, `main.rs`, and what does not belong to the library.
fn layer_of(path: &str) -> Option<(&str, u32)> {
    let module = path.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
    LAYERS.iter().find(|(name, _)| *name == module).copied()
}

/// Names behind `root::`, those of a group included: (line, path).
fn paths<'a>(code: &'a str, root: &'a str) -> impl Iterator<Item = (usize, String)> + 'a {
    words(code, root).filter(|at| !code[..*at].ends_with("::")).flat_map(move |at| {
        let line = line_of(code, at);
        let rest = code[at + root.len()..].trim_start();
        let Some(rest) = rest.strip_prefix("::") else { return Vec::new() };
        heads(rest.trim_start()).into_iter().map(|head| (line, head)).collect()
    })
}

/// The first names of a use tree: of `a::b` it is `a`, of `{a::b, c}` they are `a` and `c`.
fn heads(tree: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = tree.strip_prefix('{') else { return vec![name(tree)] };
    let mut depth = 0;
    let mut found = vec![name(group.trim_start())];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(name(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    found
}

/// The path of the module that a file is.
fn module_of(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.trim_start_matches("src/").trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
        parts.pop();
    }
    parts
}

/// Modules of the crate that a file names, by `crate::` or by climbing with `super::`: (line, path from the root).
fn named(source: &Source) -> Vec<(usize, Vec<String>)> {
    let code = &source.code;
    let mut found = Vec::new();
    for at in words(code, "crate").filter(|at| code[*at..].starts_with("crate::")) {
        let rest = &code[at + "crate::".len()..];
        let line = line_of(code, at);
        for head in heads(rest) {
            let second = rest.strip_prefix(head.as_str()).and_then(|rest| rest.strip_prefix("::"));
            let seconds = second.map_or(vec![String::new()], heads);
            found.extend(seconds.into_iter().map(|second| (line, vec![head.clone(), second])));
        }
    }
    let home = module_of(&source.path);
    for at in words(code, "super").filter(|at| !code[..*at].ends_with("super::")) {
        let mut rest = &code[at..];
        let mut depth = 0;
        while let Some(behind) = rest.strip_prefix("super::") {
            rest = behind;
            depth += 1;
        }
        if depth > 0 && depth <= home.len() {
            let base: Vec<String> =
                home[..home.len() - depth].iter().map(|part| (*part).to_owned()).collect();
            found.extend(
                heads(rest).into_iter().map(|head| (line_of(code, at), [base.clone(), vec![head]].concat())),
            );
        }
    }
    found
}

fn uses(source: &Source) -> Vec<Finding> {
    let Some((module, layer)) = layer_of(&source.path) else { return Vec::new() };
    let mut found = Vec::new();
    for (line, path) in named(source) {
        let Some((other, its)) = path.first().and_then(|head| LAYERS.iter().find(|(name, _)| name == head))
        else {
            continue;
        };
        if module != *other && layer <= *its {
            found.push(Finding::at(
                source,
                line,
                format!("{module} is layer {layer} and may not use {other}, which is {its}"),
            ));
        } else if module == "model" && !SEEN_BY_MODEL.contains(other) {
            found.push(Finding::at(
                source,
                line,
                "the model shares only types and rules with what it checks",
            ));
        }
    }
    found
}

fn stages(source: &Source) -> Vec<Finding> {
    let home = module_of(&source.path);
    let Some(stage) = home.get(1).filter(|_| home[0] == "pipeline" && source.path.starts_with("src/")) else {
        return Vec::new();
    };
    // The sequencer joins identify to the rest, a change of rules concerns all, and all are saved; no stage may know
    // them.
    if [SEQUENCE, CHANGE, STATE].contains(stage) {
        return Vec::new();
    }
    let other = |path: &[String]| {
        let known = STAGES.iter().chain(&[SEQUENCE, CHANGE, STATE]).any(|part| *part == path[1]);
        path[0] == "pipeline" && path[1] != *stage && known
    };
    let uses = named(source).into_iter().filter(|(_, path)| path.len() > 1 && other(path));
    uses.map(|(line, path)| {
        let seam = format!("pipeline/mod.rs and pipeline/{SEQUENCE}.rs");
        Finding::at(source, line, format!("{stage} and {} know each other by {seam} only", path[1]))
    })
    .collect()
}

/// The product's code of a source of the core; nothing of any other.
fn core(source: &Source) -> &str {
    match layer_of(&source.path) {
        Some((_, layer)) if layer <= CORE => &source.product,
        _ => "",
    }
}

fn outside(source: &Source) -> Vec<Finding> {
    const REFUSED: [&str; 5] = ["time", "net", "fs", "thread", "env"];
    let uses = paths(core(source), "std").filter(|(_, head)| REFUSED.contains(&head.as_str()));
    uses.map(|(line, head)| {
        Finding::at(
            source,
            line,
            format!("std::{head} is refused in layers 0 to {CORE}: what it says is an argument"),
        )
    })
    .collect()
}

fn floats(source: &Source) -> Vec<Finding> {
    let code = core(source);
    let bytes = code.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let literal = |at: usize| {
        let start = code[..at]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .map_or(0, |before| before + 1);
        digit(start) && digit(at + 1) && (start == 0 || bytes[start - 1] != b'.')
    };
    let mut at: Vec<usize> = words(code, "f32").chain(words(code, "f64")).collect();
    at.extend(code.match_indices('.').map(|(at, _)| at).filter(|at| literal(*at)));
    at.sort_unstable();
    at.into_iter()
        .map(|at| Finding::at(source, line_of(code, at), "no floats in the core: amounts are integers"))
        .collect()
}

fn hashers(source: &Source) -> Vec<Finding> {
    const REFUSED: [&str; 6] = ["HashMap", "HashSet", "RandomState", "DefaultHasher", "hash_map", "hash_set"];
    let code = core(source);
    let mut at: Vec<usize> = REFUSED.iter().flat_map(|word| words(code, word)).collect();
    at.sort_unstable();
    at.into_iter()
        .map(|at| {
            Finding::at(
                source,
                line_of(code, at),
                "no random hasher in the core: use `collections` or an ordered map",
            )
        })
        .collect()
}

/// What a file declares as a hash map or set may be asked and changed there, but not gone through.
fn unordered(source: &Source) -> Vec<Finding> {
    const WAYS: [&str; 9] = [
        "iter",
        "iter_mut",
        "into_iter",
        "keys",
        "into_keys",
        "values",
        "values_mut",
        "into_values",
        "drain",
    ];
    let code = &source.product;
    let mut found = Vec::new();
    let places = words(code, "HashMap").chain(words(code, "HashSet"));
    let declared = places.filter_map(|at| {
        let head = code[..at]
            .trim_end_matches("std::collections::")
            .trim_end()
            .trim_end_matches([':', '=', '&'])
            .trim_end();
        let start = head.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |before| before + 1);
        Some(&head[start..]).filter(|name| !name.is_empty() && *name != "use" && *name != "mut")
    });
    for name in declared.collect::<std::collections::BTreeSet<_>>() {
        for at in words(code, name) {
            let rest = code[at + name.len()..].trim_start();
            let way = rest.strip_prefix('.').map(|rest| rest.trim_start());
            let walked = way.is_some_and(|way| {
                WAYS.iter().any(|name| way.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
            });
            let head = code[..at].trim_end_matches("self.").trim_end_matches("mut ").trim_end_matches('&');
            if walked || head.ends_with(" in ") && rest.starts_with('{') {
                found.push(Finding::at(
                    source,
                    line_of(code, at),
                    "no iteration over a map without order: take an ordered one",
                ));
            }
        }
    }
    found
}

#[test]
fn an_upward_use_is_found() {
    finds(
        uses,
        "src/pipeline/decode/mod.rs",
        "//! x\nuse crate::types::Millis;\nuse crate::runtime::doors;\n",
        &[3],
    );
    finds(
        uses,
        "src/collections/heap.rs",
        "use crate::{rules::Rules, types};\nfn a() { crate::cli::main(); }\n",
        &[1, 2],
    );
    finds(
        uses,
        "src/model/mod.rs",
        "use crate::rules;\nuse crate::pipeline::Stage;\nuse crate::sim;\n",
        &[2, 3],
    );
    finds(uses, "src/types/ids.rs", "use super::super::rules;\nuse super::super::super::rules;\n", &[1]);
    finds(uses, "src/cli/mod.rs", "use crate::{types, sim::Profile, io};\n// use crate::cli\n", &[]);
}

#[test]
fn a_stage_that_uses_another_is_found() {
    finds(
        stages,
        "src/pipeline/route/mod.rs",
        "use super::emit;\nuse super::super::emit;\nuse crate::pipeline::route::x;\n",
        &[1],
    );
    finds(
        stages,
        "src/pipeline/route/staff.rs",
        "use super::super::{emit, Watch};\nuse crate::pipeline::{decode};\n",
        &[2, 1],
    );
    finds(stages, "src/pipeline/mod.rs", "use emit::Emitter;\nuse crate::pipeline::route;\n", &[]);
}

#[test]
fn what_the_core_may_not_touch_is_found() {
    let text = "use std::{fs::File, mem};\nuse std::time::Instant;\nuse std::sync::Arc;\n#[cfg(test)]\nmod tests {\n    use std::env;\n}\n";
    finds(outside, "src/types/time.rs", text, &[1, 2]);
    finds(outside, "src/io/clock.rs", text, &[]);
}

#[test]
fn a_float_in_the_core_is_found() {
    let text = "const A: f64 = 1.5;\nlet b = 0..5;\nlet c = pair.0.1;\nlet d = 2.5e3;\nlet e = 3.max(4);\n";
    finds(floats, "src/rules/curve.rs", text, &[1, 1, 4]);
}

#[test]
fn a_default_hasher_in_the_core_is_found() {
    finds(
        hashers,
        "src/pipeline/route/staff.rs",
        "use std::collections::{BTreeMap, HashMap};\n// HashSet\n",
        &[1],
    );
}

#[test]
fn a_walk_through_a_hash_map_is_found() {
    let text = "struct A { seen: HashMap<u8, u8>, other: Vec<u8> }\nfn a(a: &A) { a.seen.get(&1); a.other.iter(); }\n\
                fn b(a: &A) { a.seen.values().sum(); }\nfn c() { let d = HashSet::new(); for e in &d { } }\n";
    finds(unordered, "src/runtime/core.rs", text, &[4, 3]);
}
