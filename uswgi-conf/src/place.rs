//! Places: which file, line and column an entry came from, and through which includes. Cheap to clone,
//! because every entry has one. It must never open a file.

#![forbid(unsafe_code)]

use crate::instance::Origin;
use std::rc::Rc;

/// One text that was read, or the command line, or the environment.
#[derive(Debug)]
pub struct Source {
    /// As it was named.
    pub name: String,
    /// Where it was included from.
    pub parent: Option<Place>,
    /// How many files deep.
    pub depth: u32,
}

/// A place in a source.
#[derive(Debug, Clone)]
pub struct Place {
    /// Which source.
    pub source: Rc<Source>,
    /// Line from 1; 0 where there are none.
    pub line: u32,
    /// Column from 1 in bytes; 0 where there are none.
    pub column: u32,
    /// Column where the value starts; 0 where it is unknown.
    pub value_column: u32,
}

impl Source {
    /// A source that nothing included.
    pub fn root(name: &str) -> Rc<Source> {
        Rc::new(Source { name: name.into(), parent: None, depth: 0 })
    }

    /// A source included from a place.
    pub fn included(name: &str, from: &Place) -> Rc<Source> {
        // The command line is no file: what it names is not "included".
        let parent = (from.line > 0).then(|| from.clone());
        Rc::new(Source { name: name.into(), parent, depth: from.source.depth + 1 })
    }
}

impl Place {
    /// A place without lines.
    pub fn of(source: &Rc<Source>) -> Place {
        Place { source: source.clone(), line: 0, column: 0, value_column: 0 }
    }

    /// For messages and the typed settings.
    pub fn origin(&self) -> Origin {
        Origin { source: self.source.name.clone(), line: self.line, column: self.column }
    }

    /// The same place, pointing at the value.
    pub fn value(&self) -> Place {
        let column = if self.value_column > 0 { self.value_column } else { self.column };
        Place { column, ..self.clone() }
    }

    /// The includes that led here, nearest first.
    pub fn via(&self) -> Vec<Origin> {
        let mut out = Vec::new();
        let mut at = self.source.parent.clone();
        while let Some(place) = at {
            out.push(place.origin());
            at = place.source.parent.clone();
        }
        out
    }
}
