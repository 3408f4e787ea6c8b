//! Size: a function fits a screen, a file can be read in one sitting. What is longer stands in the lists below with
//! its length; the lists may only shrink, so an entry that is no longer needed, or no longer true, fails as well.

use super::source::{Source, Tree, closing, line_of, words};
use super::{Finding, finds, none};

/// Most lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Most lines of a file.
const FILE_LINES_MAX: usize = 600;

/// Longer functions: `file:function` and its lines.
const LONG_FUNCTIONS: [(&str, usize); 0] = [];

/// Longer files and their lines.
const LONG_FILES: [(&str, usize); 0] = [];

#[test]
fn functions_fit_a_screen() {
    let tree = Tree::read();
    let lengths =
        tree.sources.iter().flat_map(functions).filter(|function| function.lines > FUNCTION_LINES_MAX);
    let long = lengths.map(|function| (format!("{}:{}", function.path, function.name), function.lines));
    none(compared(&long.collect::<Vec<_>>(), &LONG_FUNCTIONS, FUNCTION_LINES_MAX));
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let tree = Tree::read();
    let lengths = tree.sources.iter().map(|source| (source.path.clone(), source.text.lines().count()));
    none(compared(
        &lengths.filter(|(_, lines)| *lines > FILE_LINES_MAX).collect::<Vec<_>>(),
        &LONG_FILES,
        FILE_LINES_MAX,
    ));
}

struct Function {
    path: String,
    name: String,
    lines: usize,
    line: usize,
}

/// All functions that have a body.
fn functions(source: &Source) -> Vec<Function> {
    let code = &source.code;
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let rest = &code[at + 2..];
        let name: String =
            rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue; // a type, as in `fn(u8) -> u8`
        }
        let mut depth = 0;
        let body = rest.char_indices().find(|(_, c)| {
            depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
            depth == 0 && matches!(c, '{' | ';')
        });
        if let Some((open, '{')) = body {
            let line = line_of(code, at);
            let lines = line_of(code, closing(code, at + 2 + open) - 1) - line + 1;
            found.push(Function { path: source.path.clone(), name, lines, line });
        }
    }
    found
}

/// What is too long beside what the list says of it.
fn compared(long: &[(String, usize)], listed: &[(&str, usize)], most: usize) -> Vec<Finding> {
    let is = |place: &str| long.iter().find(|(other, _)| other == place).map(|(_, lines)| *lines);
    let mut found = Vec::new();
    for (place, lines) in long {
        match listed.iter().find(|(other, _)| other == place) {
            None => found.push(Finding::of(place, format!("{lines} lines; {most} at most"))),
            Some((_, before)) if lines > before => {
                found.push(Finding::of(
                    place,
                    format!("{lines} lines, {before} before; exceptions only shrink"),
                ));
            }
            Some(_) => {}
        }
    }
    for (place, lines) in listed {
        if is(place).is_none_or(|now| now < *lines) {
            found.push(Finding::of(
                place,
                format!("shorter than the {lines} lines of the list of exceptions: mend the list"),
            ));
        }
    }
    found
}

#[test]
fn a_long_function_is_found() {
    let long = format!(
        "type A = fn(u8);\nfn declared();\nfn short() {{}}\nfn long(a: [u8; 2]) -> u8 {{\n{}    a[0]\n}}\n",
        "    b();\n".repeat(70)
    );
    let too_long = |source: &Source| {
        let long = functions(source).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
        long.map(|function| Finding::at(source, function.line, function.name)).collect()
    };
    finds(too_long, "src/x.rs", &long, &[4]);
}

#[test]
fn exceptions_only_shrink() {
    let is = |lines: usize| vec![("a".to_owned(), lines)];
    assert!(compared(&is(80), &[("a", 80)], 70).is_empty());
    assert_eq!(compared(&is(80), &[], 70).len(), 1);
    assert_eq!(compared(&is(81), &[("a", 80)], 70).len(), 1);
    assert_eq!(compared(&is(79), &[("a", 80)], 70).len(), 1);
    assert_eq!(compared(&[], &[("a", 80)], 70).len(), 1);
}
