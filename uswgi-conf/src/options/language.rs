//! What the words of the configuration language do, for `--help`, `explain` and uswgi.ini(5). Their effect is `expand`'s.

/// Names, and their line.
#[rustfmt::skip]
const WORDS: &[(&str, &str)] = &[
    ("ini", "Reads an ini file: FILE, FILE:SECTION, http://, exec:// and fd:// too, or - for standard input. Repeatable."),
    ("xml xmlconfig", "Reads an XML file. Repeatable."),
    ("yaml yml", "Reads a YAML file. Repeatable."),
    ("json js", "Reads a JSON file. Repeatable."),
    ("config", "Reads a file of whichever kind its name's end says. Repeatable."),
    ("include", "Reads another file here, of whichever kind its name's end says. Repeatable."),
    ("inherit", "Reads another file: include at this place, inherit after all others, so that its values win. Repeatable."),
    ("inject-before inject-after", "Reads a text as if it stood in front of (or behind) each file that is read from here on. Repeatable."),
    ("set", "name=value: as a line of its own. Repeatable."),
    ("set-placeholder set-ph", "name=value: a placeholder for %(name), which strict does not complain of. Repeatable."),
    ("declare-option", "name=option=value;option=value with $1, $2...: a new option that stands for these. Repeatable."),
    ("declare-option2", "As declare-option. Repeatable."),
    ("resolve", "name=host: a placeholder with the address of the host. Repeatable."),
    ("for", "For each word: the lines up to endfor, with the word as %(_)."),
    ("for-glob", "For each file that a pattern finds: the lines up to endfor, with its path as %(_)."),
    ("for-times", "For 1 to N: the lines up to endfor, with the number as %(_)."),
    ("for-readline", "For each line of a file: the lines up to endfor, with that line as %(_)."),
    ("endfor end-for", "Ends a for block."),
    ("if-opt if-not-opt", "The lines up to endif only when an option is set (NAME) or has a value (NAME=VALUE); if-not-opt: unless."),
    ("if-env if-not-env ifenv", "The lines up to endif only when a variable of the environment is set (NAME) or has a value (NAME=VALUE); if-not-env: unless."),
    ("if-reload if-not-reload", "The lines up to endif only when the file is read for a reload; if-not-reload: only at the start."),
    ("if-hostname if-not-hostname", "The lines up to endif only on the machine of this name; if-not-hostname: on all others."),
    ("if-hostname-match if-not-hostname-match", "Never true, and its negation always, as on uWSGI's usual builds: use if-hostname."),
    ("if-exists if-not-exists ifexists", "The lines up to endif only when the path exists; if-not-exists: unless."),
    ("if-file if-not-file", "The lines up to endif only when the path is a file; if-not-file: unless."),
    ("if-dir if-not-dir ifdir if-directory", "The lines up to endif only when the path is a directory; if-not-dir: unless."),
    ("if-plugin if-not-plugin ifplugin", "The lines up to endif only when the plugin is there (python, http and logging are); if-not-plugin: unless."),
    ("endif end-if", "Ends an if block."),
    ("blacklist", "Names, separated by spaces, that are an error up to end-blacklist."),
    ("whitelist", "Names, separated by spaces: all others are an error up to end-whitelist."),
    ("end-blacklist", "Forgets the blacklist."),
    ("end-whitelist", "Forgets the whitelist."),
];

/// The line of a word.
pub(super) fn help(name: &str) -> Option<&'static str> {
    WORDS.iter().find(|(names, _)| names.split(' ').any(|n| n == name)).map(|(_, help)| *help)
}
