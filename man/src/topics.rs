//! uswgi-protocol(7) and uswgi-signals(7).

use crate::mdoc::Page;
use uswgi_proto::signals::TABLE;

/// uswgi-signals(7).
pub(crate) fn signals() -> String {
    let mut page = Page::new("uswgi-signals", 7, "what signals do to uswgi");
    page.section("DESCRIPTION");
    page.text(
        "Signals are for the master. uswgi-ctl(1) sends them to the right process and waits for the outcome.",
    );
    page.list();
    for row in &TABLE {
        page.item(row.name, "", row.help);
    }
    page.end_list();
    page.paragraph(
        "Workers and the template take notice of these signals and go on, so that a signal to the whole process group (a terminal, systemd, supervisor) cuts no request.\n\
         SIGKILL to a worker loses the requests inside it; the master starts another one.",
    );
    page.section("FILES");
    page.text("The pidfile of the instance holds the pid of its master; uswgi-ctl makes sure that it is one before it sends anything.");
    page.section("EXIT STATUS");
    page.text("A master that a signal stops exits 0; a worker that it killed is replaced.");
    page.section("EXAMPLES");
    page.text("Reload, and know how it ended; the signal alone cannot tell:");
    page.literal("uswgi-ctl --pidfile site.pid reload --wait\nkill -HUP \"$(cat site.pid)\"");
    page.section("NOTES");
    page.text(
        "uWSGI reloads brutally on SIGTERM unless die-on-term is set.\n\
         Here SIGTERM stops; die-on-term = false makes it a (graceful) reload.",
    );
    page.see_also(&[("uswgi-master", 8), ("uswgi-ctl", 1)]);
    page.finish()
}

/// uswgi-protocol(7).
pub(crate) fn protocol() -> String {
    let mut page = Page::new("uswgi-protocol", 7, "what uswgi speaks on its sockets");
    page.section("DESCRIPTION");
    page.subsection("uwsgi");
    page.text(
        "A request is four bytes, modifier1, the size of the block as 16 bits little endian, and modifier2; then the block of variables; then the body, as long as CONTENT_LENGTH says.\n\
         Each variable is the length of its name (16 bits, little endian), the name, the length of its value, and the value.\n\
         The answer is an HTTP answer, and the connection ends with it.",
    );
    page.list();
    page.item("0", "", "A request for the WSGI application.");
    page.item("30", "", "The same; SCRIPT_NAME is taken off the front of PATH_INFO.");
    page.item("100", "", "Ping: answered with the four bytes 64 00 00 01 (hexadecimal).");
    page.item("others", "", "Answered with 501 and a line in the log.");
    page.end_list();
    page.paragraph(
        "A block larger than buffer-size is answered with 431, a broken one with 400, a body larger than limit-post with 413.\n\
         A header that comes several times is joined as RFC 9110 says, cookies with a semicolon.\n\
         Variables that make uWSGI load code (UWSGI_FILE, UWSGI_SCRIPT, UWSGI_MODULE and their like) are ignored.",
    );
    page.subsection("HTTP");
    page.text(
        "HTTP/1.1 and 1.0 as RFC 9110 and 9112 want of an origin server: persistent connections, pipelining, chunked requests and answers, 100-continue.\n\
         Requests that could mean two things are refused with 400: both Content-Length and Transfer-Encoding, several lengths, folded headers, bare carriage returns or line feeds.\n\
         Header names with an underscore are dropped, because they could pass for others in the environ.",
    );
    page.section("FILES");
    page.list();
    page.item(
        "uwsgi_params",
        "",
        "The variables that nginx sends; the file that comes with nginx is enough.",
    );
    page.end_list();
    page.section("EXIT STATUS");
    page.text("A request ends with the status that the application gives, or with one of the server's own:");
    page.list();
    for (status, why) in STATUSES {
        page.item(status, "", why);
    }
    page.end_list();
    page.section("EXAMPLES");
    page.text("The other side, in nginx:");
    page.literal("location / {\n    include uwsgi_params;\n    uwsgi_pass unix:/run/site/uwsgi.sock;\n}");
    page.text("and in Apache, with mod_proxy_uwsgi:");
    page.literal("ProxyPass / unix:/run/site/uwsgi.sock|uwsgi://site/");
    page.section("NOTES");
    page.text(
        "A body of up to 64 KiB is whole before the application runs; larger ones are read while it runs, or with post-buffering go to disk first.\n\
         wsgi.input always ends with the body.",
    );
    page.see_also(&[("uswgi-master", 8), ("uswgi.ini", 5)]);
    page.finish()
}

/// What the server answers by itself.
const STATUSES: &[(&str, &str)] = &[
    ("304", "A static file that the client has already."),
    ("400", "The request is broken, or could mean two things."),
    ("404", "No application owns the path, or there is no such static file."),
    ("408", "The request did not come within socket-timeout."),
    ("413", "The body is larger than limit-post."),
    ("414, 431", "The request's target, or its head, is larger than buffer-size or max-vars allow."),
    ("417, 501, 505", "An expectation, method, transfer coding, modifier or version that is not there."),
    ("500", "The application raised an exception before it answered, or there is none."),
    ("503", "There is no memory or no disk for the request."),
    ("504", "The request ran longer than harakiri."),
];
