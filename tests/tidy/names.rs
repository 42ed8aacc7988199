//! What a source file names, in full: imports resolved, and without comments, text in quotes and what only tests have.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream};

/// A path, word by word.
pub type Name = Vec<String>;

/// The names in one file.
#[derive(Default)]
pub struct Names {
    paths: BTreeSet<Name>,
    words: BTreeSet<String>,
    /// Names that stand for another: imported, renamed, or modules of this file.
    short: BTreeMap<String, Name>,
    /// The modules in files of their own that only tests have.
    pub tests: BTreeSet<String>,
}

impl Names {
    /// Reads a whole file.
    pub fn of(source: &str) -> Self {
        let mut names = Self::default();
        let tokens: TokenStream = source.parse().expect("it is Rust");
        names.read(tokens, &[], false);
        names.paths = names.paths.iter().map(|path| names.in_full(path)).collect();
        names
    }

    /// Every path, from its crate, `crate`, `self` or `super` on.
    pub fn paths(&self) -> impl Iterator<Item = &Name> {
        self.paths.iter()
    }

    /// What an imported name stands for.
    pub fn stands_for(&self, short: &str) -> Option<&[String]> {
        self.short.get(short).map(Vec::as_slice)
    }

    /// Whether the file names `wanted` or something in it: a path such as `std::fs::rename`, or one word, such as the
    /// name of a method.
    pub fn has(&self, wanted: &str) -> bool {
        let path: Name = wanted.split("::").map(Into::into).collect();
        let is_in_path = |named: &Name| match named.split_last() {
            Some((last, above)) if last == "*" => path.starts_with(above) || above.starts_with(&path),
            _ => named.starts_with(&path),
        };
        wanted.strip_prefix('.').is_some_and(|word| self.words.contains(word)) || self.paths.iter().any(is_in_path)
    }

    /// Within the braces of a `use` every name begins with what stands `before` them.
    fn read(&mut self, tokens: TokenStream, before: &[String], mut in_use: bool) {
        let mut tokens = tokens.into_iter().peekable();
        let mut path = before.to_vec();
        let mut goes_on = false;
        while let Some(token) = tokens.next() {
            let went_on = std::mem::take(&mut goes_on);
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' && is_mark(tokens.peek(), ':') => {
                    tokens.next();
                    goes_on = true;
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' && in_use => path.push("*".into()),
                TokenTree::Ident(word) if went_on => {
                    self.words.insert(word.to_string());
                    path.push(word.to_string());
                }
                TokenTree::Group(group) if went_on && group.delimiter() == Delimiter::Brace => {
                    self.read(group.stream(), &path, true);
                    path.truncate(before.len());
                }
                TokenTree::Ident(word) if word == "as" && in_use => {
                    let short = tokens.next().map(|short| short.to_string());
                    self.end(&mut path, before, in_use, short);
                }
                other => {
                    self.end(&mut path, before, in_use, None);
                    match other {
                        TokenTree::Ident(word) if word == "use" || word == "extern" => in_use = true,
                        TokenTree::Ident(word) => {
                            if word == "mod"
                                && let Some(TokenTree::Ident(module)) = tokens.peek()
                            {
                                self.short.insert(module.to_string(), vec!["self".into(), module.to_string()]);
                            }
                            self.words.insert(word.to_string());
                            path.push(word.to_string());
                        }
                        TokenTree::Punct(mark) if mark.as_char() == ';' => in_use = false,
                        TokenTree::Punct(mark) if mark.as_char() == '#' && is_test_only(tokens.peek()) => {
                            self.skip(&mut tokens);
                        }
                        TokenTree::Group(group) => self.read(group.stream(), &[], false),
                        _ => {}
                    }
                }
            }
        }
        self.end(&mut path, before, in_use, None);
    }

    /// A path is over; it is a name if it is imported, or longer than one word.
    fn end(&mut self, path: &mut Name, before: &[String], in_use: bool, short: Option<String>) {
        let is_empty = path.len() == before.len();
        let mut name = path.clone();
        path.truncate(before.len());
        if is_empty || !in_use && name.len() == 1 {
            return;
        }
        if in_use {
            name.pop_if(|last| last == "self");
            if let Some(short) = short.or_else(|| name.last().cloned()) {
                self.short.insert(short, name.clone());
            }
        }
        self.paths.insert(name);
    }

    /// Passes over an item.
    fn skip(&mut self, tokens: &mut Peekable<token_stream::IntoIter>) {
        while let Some(token) = tokens.next() {
            match (token, tokens.peek()) {
                (TokenTree::Ident(word), Some(TokenTree::Ident(module))) if word == "mod" => {
                    self.tests.insert(module.to_string());
                }
                (TokenTree::Punct(mark), _) if mark.as_char() == ';' => break,
                (TokenTree::Group(group), _) if group.delimiter() == Delimiter::Brace => break,
                _ => {}
            }
        }
    }

    fn in_full(&self, path: &Name) -> Name {
        let mut full = path.clone();
        // A name may be imported through another; nobody does so eight times.
        for _ in 0..8 {
            match full.first().and_then(|first| self.short.get(first)) {
                Some(longer) if longer.first() != full.first() => full = [longer.as_slice(), &full[1..]].concat(),
                _ => break,
            }
        }
        full
    }
}

fn is_mark(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

fn is_test_only(attribute: Option<&TokenTree>) -> bool {
    matches!(attribute, Some(TokenTree::Group(group)) if group.stream().to_string().replace(' ', "") == "cfg(test)")
}
