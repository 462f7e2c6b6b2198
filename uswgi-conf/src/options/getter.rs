//! How an option's value in force is read from an instance: the getter of its row. `show`, `uswgi-ctl config` and the
//! documented defaults are made from it.

use crate::instance::Instance;
use std::path::PathBuf;

/// Where the value stands that an option has set.
#[derive(Clone, Copy)]
pub enum Shown {
    /// In what this function reads.
    Get(ShownWhen, fn(&Instance) -> Written),
    /// In the value of this option, which shows it under its own name.
    As(&'static str),
    /// In its own, which this option's getter gives together with its own: their order counts.
    With(&'static str),
    /// Nowhere: it acts while the configuration is read, or at once.
    Nothing,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shown::Get(..) => f.write_str("Get"),
            Shown::As(name) => write!(f, "As({name})"),
            Shown::With(name) => write!(f, "With({name})"),
            Shown::Nothing => f.write_str("Nothing"),
        }
    }
}

/// When a value is worth a line.
#[derive(Clone, Copy)]
pub enum ShownWhen {
    /// Always: people look for it.
    Always,
    /// When it is not the default.
    Set,
    /// When this is so.
    If(fn(&Instance) -> bool),
}

/// Values as they would be written, with the option's name where it is not that of the row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written(pub Vec<(Option<&'static str>, String)>);

impl Written {
    /// All of a list, each by this function.
    pub(super) fn each<T>(all: &[T], written: impl Fn(&T) -> String) -> Written {
        Written(all.iter().map(|one| (None, written(one))).collect())
    }

    /// Values of several options, in order.
    pub(super) fn named(all: impl IntoIterator<Item = (&'static str, String)>) -> Written {
        Written(all.into_iter().map(|(name, value)| (Some(name), value)).collect())
    }
}

macro_rules! plain {
    ($($kind:ty)*) => {$(
        impl From<$kind> for Written {
            fn from(value: $kind) -> Written {
                Written(vec![(None, value.to_string())])
            }
        }
    )*};
}
plain!(u32 u64 i32 bool &str String);

impl From<&String> for Written {
    fn from(value: &String) -> Written {
        value.as_str().into()
    }
}

/// What a list or an optional value is made of.
pub trait ShownText {
    /// As one writes it.
    fn text(&self) -> String;
}

impl ShownText for String {
    fn text(&self) -> String {
        self.clone()
    }
}

impl ShownText for PathBuf {
    fn text(&self) -> String {
        self.display().to_string()
    }
}

impl<T: ShownText> From<&Option<T>> for Written {
    fn from(value: &Option<T>) -> Written {
        Written(value.iter().map(|one| (None, one.text())).collect())
    }
}

impl<T: ShownText> From<&Vec<T>> for Written {
    fn from(value: &Vec<T>) -> Written {
        Written::each(value, T::text)
    }
}

impl Shown {
    /// What the getter gives for an instance, if it is worth a line.
    pub fn of(&self, i: &Instance) -> Written {
        let Shown::Get(when, get) = self else { return Written::default() };
        let value = get(i);
        let worth = match when {
            ShownWhen::Always => true,
            ShownWhen::Set => value != get(&Instance::default()),
            ShownWhen::If(so) => so(i),
        };
        if worth { value } else { Written::default() }
    }

    /// What is in force where nobody says anything; None: nothing, or more than one value.
    pub fn default(&self) -> Option<String> {
        let Shown::Get(_, get) = self else { return None };
        match get(&Instance::default()).0.as_slice() {
            [(None, value)] => Some(value.clone()),
            _ => None,
        }
    }
}
