//! uswgi-emperor(8).

use crate::mdoc::Page;
use uswgi_emperor::cli;
use uswgi_proto::exit::Exit;

/// The page.
pub(crate) fn page() -> String {
    let mut page = Page::new("uswgi-emperor", 8, "run one instance for each file of a folder");
    page.section("SYNOPSIS");
    page.raw(".Nm uswgi-emperor\n.Op Ar options\n.Ar folder ...");
    page.raw(".Nm uswgi-emperor\n.Op Ar options\n.Ar file.ini");
    page.raw(".Nm uswgi-master\n.Fl -emperor Ar folder");
    page.section("DESCRIPTION");
    page.name();
    page.text(
        "starts one uswgi-master for each configuration file in its folders: its vassals.\n\
         A file that comes starts one; a file that is touched, or replaced, reloads its instance in place, and what does not load changes nothing there; a file that goes stops its instance gracefully.\n\
         It runs no Python, and serves nothing itself.\n\
         uswgi-master becomes one where its configuration has emperor.",
    );
    page.paragraph(
        "A file counts when its name ends in .ini, .xml, .yml, .yaml, .json or .js, and when it has not been written to for 100 ms.\n\
         A vassal starts in its folder, with the name of its file as the argument of --ini, --xml, --yaml or --json.",
    );
    page.paragraph(
        "A vassal that fails is tried again after a growing pause, and at once when its file is touched; no other one waits for it.\n\
         At most emperor-start-concurrency of them start at a time.",
    );
    page.paragraph(
        "Vassals outlive an Emperor that is killed: the next one on the same folder takes them over as they run.\n\
         There is only one Emperor of a folder at a time.",
    );
    page.section("OPTIONS");
    page.text(
        "They may stand in a file too, without the hyphens.\n\
         The configuration of an Emperor is written as that of an instance, and read by the same rules; see uswgi.ini(5).",
    );
    page.list();
    page.item("--glob", "pattern", cli::GLOB);
    for (name, value, help) in cli::options() {
        page.item(&format!("--{name}"), if value { "value" } else { "" }, help);
    }
    page.item("-h, --help", "", "Prints a summary and ends.");
    page.item("-V, --version", "", "Prints the version and ends.");
    page.end_list();
    page.section("SIGNALS");
    page.list();
    page.item(
        "SIGTERM, SIGINT, SIGQUIT",
        "",
        "Stop all vassals gracefully, and end when they have; once more, a second or more later: at once.",
    );
    page.item("SIGHUP", "", "Read its configuration again, look at the folders, and reload all vassals.");
    page.item("SIGUSR1", "", "A line about every vassal in the log.");
    page.end_list();
    page.section("FILES");
    page.list();
    page.item("uswgi-master", "", "Stands beside this program, or on PATH.");
    page.item("/run/uswgi-emperor", "", "Locks of the folders, and the sockets at which vassals are heard; for others than root below XDG_RUNTIME_DIR or /tmp.");
    page.end_list();
    page.exit_status(&[Exit::Ok, Exit::Failed, Exit::Usage]);
    page.section("EXAMPLES");
    page.text("All files of a folder, as the user www-data:");
    page.literal("uswgi-emperor /etc/uwsgi/vassals --uid www-data --gid www-data");
    page.text("As uWSGI is started:");
    page.literal("uswgi-master --emperor /etc/uwsgi/vassals");
    page.text("Reload one, and take one away:");
    page.literal("touch /etc/uwsgi/vassals/shop.ini\nrm /etc/uwsgi/vassals/old.ini");
    page.section("NOTES");
    page.text(
        "A folder that goes away, or cannot be read, takes no vassal down: only a file that is not there while its folder is.\n\
         Under systemd a service that is killed takes its processes along unless the unit says KillMode=process.",
    );
    page.see_also(&[("uswgi-master", 8), ("uswgi-ctl", 1), ("uswgi.ini", 5), ("uswgi-signals", 7)]);
    page.finish()
}
