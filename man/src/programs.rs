//! uswgi-master(8) and uswgi-worker(8).

use crate::mdoc::Page;
use uswgi_proto::exit::Exit;
use uswgi_proto::settings::env;

/// uswgi-master(8).
pub(crate) fn master() -> String {
    let mut page = Page::new("uswgi-master", 8, "run a WSGI application as its uWSGI configuration says");
    page.section("SYNOPSIS");
    page.raw(".Nm uswgi-master");
    page.raw(".Op Fl -option Ns = Ns Ar value ...\n.Op Ar file.ini ...");
    page.section("DESCRIPTION");
    page.name();
    page.text(
        "binds the sockets, starts the worker processes, and supervises them.\n\
         It runs no Python itself: the application is imported by a template process, which forks the workers,\n\
         or with lazy-apps by each worker.",
    );
    page.paragraph(
        "A worker that dies is replaced at once, and with growing pauses when it dies again and again.\n\
         SIGHUP reads the configuration again and replaces the workers, each when its successor accepts; a configuration or an application that does not load changes nothing.\n\
         SIGTERM, SIGINT and SIGQUIT stop: requests under way may finish within reload-mercy.\n\
         uswgi-signals(7) has the whole table.",
    );
    page.section("OPTIONS");
    page.text(
        "All options of uswgi.ini(5) may be given on the command line, with two hyphens in front of the name.\n\
         A word without hyphens is a configuration file by its end, host:port for HTTP, or an application: hello.py, a module like mysite.wsgi, or module:callable.\n\
         An application named so listens on 127.0.0.1:8000 where no socket is given.",
    );
    page.list();
    page.item("-h, --help", "", "Print every option with a line about it, and end.");
    page.item("--version", "", "Print the version and end.");
    page.end_list();
    page.section("ENVIRONMENT");
    page.list();
    page.item("UWSGI_NAME", "", "An option, as on the command line but weaker: dashes are underscores.");
    page.item("VIRTUAL_ENV", "", "The virtual environment where home is not set.");
    page.item("NOTIFY_SOCKET", "", "systemd is told when the instance is ready, reloads and stops.");
    page.item("LISTEN_FDS", "", "Sockets of systemd; fd://3 and so on name them.");
    page.item("USWGI_WORKER", "", "Path of uswgi-worker where it is not beside uswgi-master (for tests).");
    page.end_list();
    page.section("FILES");
    page.text("The pidfile, sockets and logs that the configuration names; with vacuum, sockets and pidfile are removed at exit.");
    page.list();
    page.item("uswgi-worker", "", "Stands beside this program, or on PATH.");
    page.item("/proc/PID/fd/100", "", "The scoreboard, which uswgi-ctl reads.");
    page.item("/etc/uwsgi/NAME.ini", "", "What the unit uswgi@NAME.service of systemd serves.");
    page.end_list();
    page.exit_status(&[Exit::Ok, Exit::Failed, Exit::Usage, Exit::AppFailed, Exit::NoInterpreter]);
    page.section("EXAMPLES");
    page.text("As the configuration says, in the foreground:");
    page.literal("uswgi-master --ini uwsgi.ini");
    page.text("Without a file:");
    page.literal("uswgi-master mysite.wsgi");
    page.literal("uswgi-master --http-socket :8000 --module mysite.wsgi --home venv --workers 4");
    page.text("In the background; the command ends when the application serves, or with the reason why it does not:");
    page.literal("uswgi-master --ini uwsgi.ini --daemonize /var/log/site.log");
    page.section("NOTES");
    page.text(
        "There always is a supervising master: master = false is accepted.\n\
         The first signal to stop is polite, a second one a second or more later is not.\n\
         With exit status 22 the traceback of the application was printed once; need-app = false serves errors instead, as uWSGI does.",
    );
    page.paragraph(
        "Started as root, it binds its sockets and writes pidfile, and then becomes uid and gid, with everything below it.\n\
         Without uid it stays root, which is seldom meant.",
    );
    page.see_also(&[
        ("uswgi-ctl", 1),
        ("uswgi-conf", 1),
        ("uswgi.ini", 5),
        ("uswgi-worker", 8),
        ("uswgi-signals", 7),
        ("uswgi-protocol", 7),
    ]);
    page.finish()
}

/// uswgi-worker(8).
pub(crate) fn worker() -> String {
    let mut page = Page::new("uswgi-worker", 8, "run one WSGI application on inherited sockets");
    page.section("SYNOPSIS");
    page.raw(".Nm uswgi-worker\n.Op Ar options");
    page.raw(".Nm uswgi-worker\n.Op Ar options\n.Fl -check Ar app");
    page.raw(".Nm uswgi-worker\n.Op Ar options\n.Fl -serve Ar app");
    page.section("DESCRIPTION");
    page.name();
    page.text(
        "finds the Python interpreter that runs the application, and becomes it with the module of uswgi loaded.\n\
         Usually uswgi-master starts it and tells it everything through inherited descriptors.\n\
         Alone it checks whether an application loads, or serves one under socket activation.",
    );
    page.paragraph(
        "The interpreter is that of --home, else of VIRTUAL_ENV, else of the virtual environment that uswgi is installed in, else python3 on PATH.\n\
         CPython from 3.9 on is served; other implementations, older versions and free-threaded builds are refused by name.",
    );
    page.section("OPTIONS");
    page.list();
    page.item("-H, --home", "dir", "Use the interpreter of this virtual environment.");
    page.item("--chdir", "dir", "Change to this directory first.");
    page.item("--pythonpath", "dir", "Look for modules there too; may be repeated.");
    page.item("--protocol", "p", "What is spoken on the inherited sockets: http (the default) or uwsgi.");
    page.item("--threads", "n", "Threads that run requests; 1 by default.");
    page.item("--no-site", "", "Start Python without the module site (-S).");
    page.item("--optimize", "n", "Python's optimization level: 1 (-O) or 2 (-OO).");
    page.item("--no-django-preload", "", "Leave to the first request what Django imports then.");
    page.item(
        "--as",
        "uid:gid[,gid]",
        "Become this user with these groups first, by number, for a check as root of what will run as somebody else.",
    );
    page.item(
        "--check",
        "app",
        "Import the application and end: status 0 when it loads, 22 and a traceback when it does not.",
    );
    page.item("--serve", "app", "Serve it on the inherited sockets until SIGTERM.");
    page.item("--print-interpreter", "", "Print which interpreter and which module would be used, and end.");
    page.item("-h, --help", "", "Print a summary and end.");
    page.item("-V, --version", "", "Print the version and end.");
    page.end_list();
    page.section("ENVIRONMENT");
    page.list();
    page.item(env::LISTEN_FDS, "", "Number of inherited sockets, which start at descriptor 3.");
    page.item(env::SETTINGS_FD, "", "Descriptor of the settings, one JSON document.");
    page.item(env::CONTROL_FD, "", "Descriptor of the control socket.");
    page.item(env::SCOREBOARD_FD, "", "Descriptor of the scoreboard.");
    page.item(env::HANDOVER_FDS, "", "Both ends of the socket through which workers hand connections over.");
    page.item(
        "USWGI_MODULE",
        "",
        "Path of the module where it is neither beside the program nor in its library directory.",
    );
    page.end_list();
    page.section("FILES");
    page.list();
    page.item("../lib/uswgi/uswgi_worker.abi3.so", "", "The module, relative to the program.");
    page.end_list();
    page.exit_status(&[Exit::Ok, Exit::Usage, Exit::AppFailed, Exit::NoInterpreter, Exit::MasterGone]);
    page.section("EXAMPLES");
    page.text("Whether an application loads, in its own interpreter:");
    page.literal("uswgi-worker --home /srv/venv --chdir /srv/site --check mysite.wsgi");
    page.text("Which interpreter would run it:");
    page.literal("uswgi-worker --home /srv/venv --print-interpreter");
    page.text("Under socket activation, without a master:");
    page.literal("systemd-socket-activate -l 8000 uswgi-worker --serve mysite.wsgi");
    page.section("NOTES");
    page.text(
        "While it serves a master, signals to stop are only taken notice of: the master decides when a worker ends.\n\
         Alone, TERM, INT and QUIT stop it; nobody replaces it then.",
    );
    page.see_also(&[("uswgi-master", 8), ("uswgi-signals", 7)]);
    page.finish()
}
