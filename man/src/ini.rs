//! uswgi.ini(5): every option, by category, from the option table.

use crate::mdoc::Page;
use std::collections::BTreeMap;
use uswgi_conf::options::{self, Arg, Row, Status};

fn describe(row: &Row) -> String {
    let mut text = if row.help.is_empty() { String::new() } else { format!("{}\n", row.help) };
    if !row.default().is_empty() {
        text += &format!("Default: {}.\n", row.default());
    }
    match row.status {
        Status::Supported => {}
        Status::Harmless(why) => text += &format!("Accepted without effect: {why}.\n"),
        Status::Noticed(why) => text += &format!("Accepted, and said at start: {why}.\n"),
        Status::Refused(instead) => text += &format!("Not supported: {instead}.\n"),
    }
    text
}

fn argument(row: &Row) -> &'static str {
    match row.fact.arg {
        Arg::No => "",
        Arg::Opt => "[value]",
        Arg::Req => "value",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The page.
pub(crate) fn page() -> String {
    let mut page = Page::new("uswgi.ini", 5, "configuration of uswgi, in the language of uWSGI");
    page.section("DESCRIPTION");
    page.text(
        "A configuration is a list of options.\n\
         It comes from files (ini, xml, yaml, json), from the command line, and from environment variables\n\
         UWSGI_NAME=value, and is read by the rules of uWSGI 2.0.31.",
    );
    page.paragraph(
        "In an ini file each line of the section [uwsgi] is a name, an equals sign and a value.\n\
         A line that starts with a semicolon or a hash is a comment; there are no comments behind a value, no quotes and no line continuation.\n\
         A name without a value is an empty value, which switches a boolean on.\n\
         A percent sign starts a variable: %d is the directory of the file, %n its name, %k the number of processors, %(name) the value of another option or placeholder;\n\
         %% stands for itself.\n\
         $(NAME) is a variable of the environment, @(file) the content of a file.",
    );
    page.paragraph(
        "A name that is not known is a placeholder.\n\
         When nothing uses it, it is reported at start with the nearest real name, because it is nearly always a mistake;\n\
         with strict it is an error.\n\
         An option that is not supported stops the start, with its line and the way out; allow-unsupported makes a warning of it.",
    );
    let mut by_category: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    let mut elsewhere: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in options::rows() {
        match row.status {
            Status::Refused(instead) => elsewhere.entry(instead).or_default().push(row.fact.name),
            _ => by_category.entry(row.category()).or_default().push(row),
        }
    }
    page.section("OPTIONS");
    for (category, rows) in &by_category {
        page.subsection(category);
        page.list();
        for row in rows {
            page.item(row.fact.name, argument(row), &describe(row));
        }
        page.end_list();
    }
    page.section("NOT SUPPORTED");
    page.text("These stop the start. Before each group stands what to do instead.");
    page.raw(".Bl -item");
    for (instead, names) in &elsewhere {
        page.raw(".It");
        page.text(&format!("{}:", capital(instead)));
        page.text(&format!("{}.", names.join(", ")));
    }
    page.end_list();
    page.section("FILES");
    page.text(
        "Any path: uWSGI's own files are read as they are.\n\
         The end of a name tells its kind where the option does not: .ini, .xml, .yml, .yaml, .json, .js.",
    );
    page.list();
    page.item("/etc/uwsgi/NAME.ini", "", "What the unit uswgi@NAME.service of systemd serves.");
    page.end_list();
    page.section("EXIT STATUS");
    page.text(
        "A configuration that is refused ends uswgi-master with 1, an option of the command line that is not known or a file that cannot be read with 2.\n\
         A reload with such a configuration changes nothing.",
    );
    page.section("EXAMPLES");
    page.text("A site behind nginx:");
    page.literal(
        "[uwsgi]\nsocket = /run/site/uwsgi.sock\nchmod-socket = 660\nchdir = /srv/site\nmodule = mysite.wsgi\nhome = /srv/venv\nworkers = 4\nharakiri = 30\nvacuum = true\npidfile = /run/site/uwsgi.pid",
    );
    page.text("The same over HTTP, its port from the command line:");
    page.literal("[uwsgi]\nset-placeholder = port=8000\nhttp-socket = 127.0.0.1:%(port)\nchdir = %d\nmodule = mysite.wsgi");
    page.text("Two applications, one process:");
    page.literal("[uwsgi]\nhttp-socket = :8000\nmount = /=front.wsgi\nmount = /api=api.wsgi:application\nmanage-script-name = true");
    page.text("A value for one machine only:");
    page.literal("if-hostname = big\nworkers = 32\nendif =");
    page.section("NOTES");
    page.text(
        "uswgi-conf explain NAME says more of an option, uswgi-conf lint FILE of a file, uswgi-conf show FILE what it comes to.\n\
         Booleans: false, off, no and 0 are false, everything else is true, an empty value too.\n\
         Of an option that is no list the last value counts; of a placeholder the first.",
    );
    page.see_also(&[("uswgi-conf", 1), ("uswgi-master", 8), ("uswgi-signals", 7)]);
    page.finish()
}
