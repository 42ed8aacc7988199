//! The library's files, and what they name of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::files::files_below;
use crate::names::{Name, Names};

/// One file.
pub struct Source {
    pub names: Names,
    /// Without blanks and line ends.
    squeezed: String,
}

/// All files but those that only tests have, by their paths below `src`.
pub struct Sources(pub BTreeMap<String, Source>);

impl Source {
    /// Clippy expects that it does what pure files do not do.
    pub fn is_edge(&self) -> bool {
        self.squeezed.contains("#![expect(clippy::disallowed_")
    }

    /// It is held to be pure even below an edge.
    pub fn is_closed(&self) -> bool {
        let lints = "clippy::disallowed_macros,clippy::disallowed_methods,clippy::disallowed_types,";
        self.squeezed.contains(&format!("#![warn({lints}"))
    }

    /// Its head says so.
    pub fn says(&self, word: &str) -> bool {
        self.squeezed.split("#![").next().is_some_and(|head| head.contains(word))
    }
}

impl Sources {
    pub fn below(src: &Path) -> Self {
        let paths = files_below(src).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
        let read = paths.map(|path| {
            let text = fs::read_to_string(&path).expect("readable");
            let file = path.strip_prefix(src).expect("below").to_string_lossy().into_owned();
            (file, Source { names: Names::of(&text), squeezed: text.split_whitespace().collect() })
        });
        let mut sources: BTreeMap<_, _> = read.collect();
        let only_tests = |(file, source): (&String, &Source)| {
            let folder = folder_of(file);
            source.names.tests.iter().map(|module| format!("{folder}{module}.rs")).collect::<Vec<_>>()
        };
        let tests: BTreeSet<_> = sources.iter().flat_map(only_tests).collect();
        sources.retain(|file, _| !tests.contains(file));
        Self(sources)
    }

    /// What a file names of the library's other files: file and item, wherever that is handed on.
    pub fn named_by(&self, file: &str) -> BTreeSet<(&str, String)> {
        self.0[file].names.paths().filter_map(|path| self.leads_to(file, path)).collect()
    }

    fn leads_to(&self, file: &str, path: &Name) -> Option<(&str, String)> {
        let (mut file, mut path) = (file, path.clone());
        // Nothing is handed on eight times.
        for _ in 0..8 {
            let (home, item) = self.home(file, &path)?;
            file = home;
            match item.first().and_then(|first| self.0[home].names.stands_for(first)) {
                Some(longer) if longer[0] != item[0] => path = [longer, &item[1..]].concat(),
                _ => return Some((home, item.join("::"))),
            }
        }
        None
    }

    /// The file that a path leads into, and the rest of the path; none if it leads out of the library, or to a file whole.
    fn home(&self, file: &str, path: &[String]) -> Option<(&str, Vec<String>)> {
        let above =
            |folder: &str| folder.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        let ups = path.iter().take_while(|word| *word == "super").count();
        let mut folder = match path[0].as_str() {
            "crate" => String::new(),
            "self" | "super" => folder_of(file).trim_end_matches('/').to_owned(),
            _ => return None,
        };
        for _ in 0..ups {
            folder = above(&folder);
        }
        let rest = &path[ups.max(1)..];
        let within = |words: usize| -> Option<&str> {
            let module = [folder.as_str(), &rest[..words].join("/")].join("/");
            let module = module.trim_matches('/');
            let names = [format!("{module}.rs"), format!("{module}/mod.rs").trim_start_matches('/').into()];
            names.iter().find_map(|name| self.0.get_key_value(name)).map(|(name, _)| name.as_str())
        };
        let (words, home) = (0..=rest.len()).rev().find_map(|words| Some((words, within(words)?)))?;
        (words < rest.len()).then(|| (home, rest[words..].to_vec()))
    }
}

/// Where the modules of a file are: empty, or with a slash at the end.
pub fn folder_of(file: &str) -> String {
    let stem = file.trim_end_matches(".rs");
    match stem.strip_suffix("mod") {
        Some(folder) if folder.ends_with('/') => folder.into(),
        _ if stem == "lib" || stem == "main" => String::new(),
        _ => format!("{stem}/"),
    }
}
