//! Every code of a diagnostic, with what `explain CODE` says about it. A code that is used and does not
//! stand here is a failing test.

/// One code.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a sentence or two.
    pub text: &'static str,
}

const fn c(name: &'static str, text: &'static str) -> Code {
    Code { name, text }
}

/// The table, by name.
#[rustfmt::skip]
pub static CODES: &[Code] = &[
    c("bad-cache", "A cache needs a name and a number of items (cache2 = name=NAME,items=N), at least as many blocks, and a name of its own. uWSGI ends with an error; of two caches with one name it finds the first."),
    c("bad-certificate", "HTTPS needs an address, a certificate and a key: https = ADDRESS,CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]. uWSGI ends with an error."),
    c("bad-encoder", "An encoder is prefix, suffix, nl, format or json, with :NAME for one logger, and its text. Files are compressed by logrotate."),
    c("bad-envdir", "Each file of an envdir is a variable: its name is the file's, without an = in it, and its value the text, up to 128 KiB of UTF-8. uWSGI ends where the folder is not there or a name has an =."),
    c("bad-lifetime", "max-worker-lifetime must be above min-worker-lifetime (10 s by default), or workers would be replaced before they may be. uWSGI refuses to start too."),
    c("bad-logger", "A logger is file:PATH, stdio, fd:N, socket:ADDRESS, syslog:TAG or rsyslog:ADDRESS,TAG, with a name in front when routes send lines to it."),
    c("bad-mode", "A mode is three octal digits, as 660. uWSGI ends with an error on anything else."),
    c("bad-mount", "A mount is /path=app.py, /path=module or /path=module:callable. uWSGI loads nothing for a module without a callable, and ends where there is no `=`."),
    c("bad-number", "The number makes no sense for this option: no workers, a negative count, or more than 32 bits."),
    c("bad-pattern", "The regular expression cannot be read. Look-around and back-references of PCRE exist in rules of route and its kin only: every other pattern is matched in linear time."),
    c("bad-socket", "The name is no address: host:port, :port, [v6]:port, a path, @abstract or fd://N. uWSGI reads `unix:/path` as a host and listens where nobody can reach it."),
    c("bad-value", "The value does not have the form that the option needs."),
    c("bom", "A byte order mark in front of [uwsgi] makes it another section: uWSGI then runs with no option of the file."),
    c("busyness-bounds", "With cheaper-algo = busyness more workers come above cheaper-busyness-max and they become fewer below cheaper-busyness-min. min must be well below max, and max below 100, or workers come and go all the time, or never."),
    c("cheaper-algo", "cheaper decides by spare (busy workers), backlog (waiting connections), busyness (average load) or manual. Any other name means spare, as on uWSGI."),
    c("cheaper-too-high", "cheaper is the number of workers that stay; uWSGI ends when it is not below workers. Here all workers stay then."),
    c("clamped", "buffer-size has 16 bits: larger numbers count as 65535."),
    c("closed-path", "The user that the instance becomes cannot read what it needs (chdir, wsgi-file, static-map), often because a directory above has mode 700. root can, so that a look as root shows nothing."),
    c("closed-socket", "nginx and Apache run as users of their own, and need the right to write to the socket. A socket belongs to uid and gid (to root without them) unless chown-socket says otherwise, and without chmod-socket its mode follows the umask."),
    c("closed-spooler", "The user that the instance becomes cannot write to its spool folder, or cannot make it: the start is refused. Tasks are files of that user, in a folder of its own."),
    c("command", "The option is a command of uWSGI's command line (--reload PIDFILE and the like), which ends at once. In a file uWSGI runs it at every start, which nobody means."),
    c("certificate", "A certificate or key cannot be served: it cannot be read, is no PEM, is encrypted, or the key belongs to another certificate. The start would fail, as it does on uWSGI."),
    c("command-line", "The command line makes no sense: an unknown or ambiguous option, a missing value, or a word that is no configuration file."),
    c("constant-date", "log-date is true or a format of strftime; a word without % stands in front of every line, `false` too."),
    c("daemonize", "A service manager watches the process that it started. With daemonize that process ends at once, so systemd (Type=simple, notify), supervisor and docker restart it for ever or lose it."),
    c("debug-on", "--check-app: DEBUG of Django or debug of Flask shows code, settings and tracebacks to every visitor, and remembers every query."),
    c("dead-app", "Of applications with one mount point the first that loads serves: module, wsgi-file, then the mounts in order. The others are opened only when it does not load."),
    c("dead-condition", "The condition can never change: uWSGI's builds with PCRE2 invert the test of if-hostname-match."),
    c("empty-value", "The option needs a value."),
    c("endless-value", "The value refers to itself, directly or through others. uWSGI grows until memory is gone."),
    c("env-removes", "env = NAME without `=` removes the variable."),
    c("env-spaces", "Spaces around `=` are part of the name and of the value of a variable."),
    c("exits", "The configuration holds an option that prints or ends at once (exit, version, help, get)."),
    c("file-named-true", "daemonize and logto take the name of a log file: `daemonize = true` writes a file named \"true\"."),
    c("home-unreadable", "The user that the instance becomes cannot read its virtual environment, often because a directory above has mode 700."),
    c("idle-vacuum", "vacuum removes unix sockets and pidfiles; there is none here."),
    c("include-cycle", "A file includes itself through others. uWSGI crashes after some 47,000 levels."),
    c("inline-comment", "Comments are lines of their own. `processes = 4 ; four` is the value \"4 ; four\", of which 4 counts; a path or a boolean keeps all of it, so `vacuum = false ; no` is true."),
    c("jail-config", "An instance in a jail (chroot) sees the files of the jail alone. A configuration outside of it is read at the start; a reload cannot read it, loads the app again with the settings in force, and says so."),
    c("jail-incomplete", "Workers are started from inside of the jail: uswgi-worker, its module, the interpreter and the virtual environment must be there, as copies or by bind mounts, and so must /dev/null."),
    c("jail-leftover", "What is made before the jail is entered and lies outside of it is out of reach afterwards: it cannot be removed, opened again or rotated."),
    c("jail-root", "A process of root can leave a chroot by a few system calls. Only a jail with another uid holds anything."),
    c("left-out", "exec://, http:// and `resolve` are not followed by lint, show and convert unless --allow-exec or --allow-fetch is given: the file may be a stranger's."),
    c("line-ends", "Lines end in CR alone, so the file is one line to uWSGI."),
    c("map-spaces", "The spaces around `=` in static-map belong to the names in uWSGI, where such a map never matches; here they are removed."),
    c("mercy-below-harakiri", "A worker that is told to end may finish its requests within the mercy; requests that may run longer are cut."),
    c("never-due", "A number of the schedule is out of its range, so the job never runs: minute 0-59, hour 0-23, day 1-31, month 1-12, week 0-7 from Sunday. uWSGI says nothing."),
    c("nested-block", "if and for blocks cannot be nested. uWSGI ends with an error."),
    c("no-allowed-hosts", "--check-app: without DEBUG Django answers every request whose Host is not in ALLOWED_HOSTS with 400, so an empty list serves nobody."),
    c("no-app", "No option names an app: module, wsgi-file or mount. uWSGI would answer every request with an error."),
    c("no-effect", "The option is accepted, and something is different from uWSGI: the message says what."),
    c("no-gevent", "The option belongs to `gevent = N`, which is not there. uWSGI ignores it then, and so does uswgi."),
    c("no-harakiri", "Without harakiri a request that never ends keeps its worker for ever; with a few of them nothing is served any more."),
    c("no-logger", "A route or an encoder names a logger that does not exist. uWSGI ends with an error for a route."),
    c("no-mercy", "uWSGI looks once a second for workers beyond their mercy, so that 0 gave them about one second. Here it is one second."),
    c("no-plugin", "Python, HTTP and logging to files are built in; no other plugin exists here."),
    c("no-section", "The file has no section [uwsgi] (or the one asked for after `:`). uWSGI warns and runs with none of its options. XML without a fitting <uwsgi> and JSON without the object are errors."),
    c("no-socket", "Nothing to listen on: add socket or http-socket."),
    c("no-uid", "Without uid an instance that root starts runs the app as root."),
    c("no-user", "The user or group does not exist on this machine; the start would fail."),
    c("no-venv", "The directory of home has no bin/python: it is no virtual environment."),
    c("not-a-number", "A number is read from its first digits; where there are none it is 0. So `harakiri = true` switches harakiri off."),
    c("not-listed", "The option is forbidden by blacklist or whitelist."),
    c("not-utf8", "uWSGI keeps the bytes; here values that are used must be UTF-8."),
    c("number-rest", "A number is read from its first digits: `512M` is 512, `3.7` is 3, `1e3` is 1. Memory options count MiB, buffer sizes bytes."),
    c("odd-boolean", "Only false, off, no (in any case) and 0 are false. Everything else, `disabled`, `none`, `\"false\"`, is true."),
    c("open-at-fork", "--check-app: a connection, a listening socket or an SQLite database that is opened while the application is imported is one and the same in all workers: their queries and answers mix."),
    c("open-block", "A block stays open until an end option, across the end of the file into later files and the command line."),
    c("open-socket", "A socket that others may write to takes requests from every local user, and the uwsgi protocol lets them claim any remote address or user."),
    c("overridden", "The option stands twice in one file; the last one counts. Two chmod-socket are even mixed up in uWSGI."),
    c("password-hash", "A file of basicauth has passwords by hash: those of htpasswd -s (SHA-1) are known here; uWSGI knows those of crypt(3) with DES (htpasswd -d) too. Whoever has another one does not come in, on neither."),
    c("path", "The path does not exist on this machine. Use --no-system where the file belongs to another one."),
    c("percent-eaten", "% starts a magic variable; before a letter without a meaning both disappear. A percent sign is %%."),
    c("percent-joins", "% at the end of a line swallows the line end: the next line becomes part of this one, even of a comment."),
    c("percent-replaced", "%c is replaced in every text of a file, passwords and URLs too: `%d` is the folder of the file, `%40` the fifth folder of its path and a 0. A percent sign is %%."),
    c("pidfile-stays", "After uid the pidfile's directory is not writable any more, so the file cannot be removed at exit; it is emptied."),
    c("public-socket", "The uwsgi protocol has no authentication: whoever reaches the port may set REMOTE_USER and every other variable."),
    c("quotes", "Quotes are plain characters in an ini file: they become part of the path or name."),
    c("rotation-denied", "Rotation renames the log file, and after uid its directory is not writable: the file grows on."),
    c("section-name", "The section must be exactly [uwsgi]: no spaces inside, nothing after the bracket, lower case."),
    c("small-buffer", "buffer-size counts bytes; `32k` is 32."),
    c("socket-name", "The address is read in another way than it looks: a plain number is a path, text after the port is ignored."),
    c("static-unserved", "--check-app: the instance speaks HTTP, no static-map covers STATIC_URL of Django and no WhiteNoise is among its middleware: pages come without style."),
    c("term-reloads", "uWSGI without die-on-term reloads on TERM. Service managers send TERM to stop, wait, and kill."),
    c("threads-at-import", "--check-app: threads do not survive a fork. The application is imported once and workers are forked of it, so they do not have this thread. One that starts again by itself (os.register_at_fork) is not told of."),
    c("tmp-pidfile", "/tmp is writable by every user: another one may put a file there that ctl tools then trust."),
    c("tmp-socket", "With PrivateTmp of systemd the web server and the instance see different /tmp directories."),
    c("too-large", "The configuration is larger than any real one: a loop is too long, or a file too big."),
    c("two-engines", "A worker runs its requests in threads, in greenlets or in tasks. uWSGI with both `gevent` and `threads` runs as many greenlets as there are threads, and says wsgi.multithread to the application."),
    c("uid-without-gid", "The user is dropped, but the group stays root's."),
    c("underscore", "Names of options have dashes. `buffer_size` is a placeholder that nobody uses, so the option is not set. (Only UWSGI_ environment variables turn _ into -.)"),
    c("unknown-key", "The option has keys of its own, and this is none of them. uWSGI ignores it without a word."),
    c("unknown-option", "The name is no option. uWSGI keeps it as a placeholder without a word, so a misspelt option has no effect for years. With strict it ends with an error."),
    c("unreadable", "A file, or what a value names with @(), cannot be read. Relative names start from the directory of the start, not from the file."),
    c("unresolved-placeholder", "A %(name) was not replaced: nothing has the name, or the option acts before placeholders are known, or the value began with a marker after a replacement (uWSGI looks again from the second character on)."),
    c("unset-variable", "A $(NAME) was not replaced, because the environment has no such variable; the text stays as it is."),
    c("unsupported", "uWSGI has the option, uswgi does not: the start is refused so that nothing is silently missing. --allow-unsupported makes it a warning."),
    c("xml-nested", "Options in XML cannot hold other elements; uWSGI crashes on them."),
    c("xml-syntax", "The file is no well-formed XML."),
    c("yaml-builds", "uWSGI reads this YAML file in two ways: builds with libyaml (Debian) as here, the reader inside pip's build cuts at any # and stops at lists and at keys without a value."),
    c("yaml-cut", "uWSGI stops reading at an anchor, a tag, or a text that is no option: what follows has no effect."),
    c("yaml-lines", "The file is no YAML: builds of uWSGI with libyaml refuse it, pip's build reads it by the line, without quotes and lists, and so does uswgi. What is meant is safe in ini only."),
    c("yaml-syntax", "The file is no YAML."),
    c("json-syntax", "The file is no JSON."),
];

/// The code of a name.
pub fn find(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|c| c.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code in the sources is explained, and every explanation is used.
    #[test]
    fn codes_and_explanations_agree() {
        let mut used = std::collections::BTreeSet::new();
        let mut dirs = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        let mut text = String::new();
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if !path.ends_with("codes.rs") && !path.ends_with("tests.rs") {
                    text += &std::fs::read_to_string(path).unwrap();
                }
            }
        }
        let starts = [
            "Diagnostic::error(",
            "Diagnostic::warning(",
            "code: ",
            "error(a, ",
            "warning(a, ",
            "Severity::Warning, ",
            "Severity::Note, ",
        ];
        for start in starts {
            for part in text.split(start).skip(1) {
                let Some(rest) = part.trim_start().strip_prefix('"') else { continue };
                let name = rest.split('"').next().unwrap_or_default();
                if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit())
                    && name != "x"
                {
                    used.insert(name.to_string());
                }
            }
        }
        assert!(used.len() > 40, "{used:?}");
        for name in &used {
            assert!(find(name).is_some(), "{name} is used and not explained");
        }
        for code in CODES {
            assert!(text.contains(&format!("\"{}\"", code.name)), "{} is explained and not used", code.name);
        }
    }
}
