//! Whole-system tests: what a user was promised, tried on real processes.
//!
//! | module | holds |
//! |---|---|
//! | alarms | alarms: what is told, beside the original; what raises them |
//! | alone | uswgi-worker without a master; lint --check-app |
//! | answers | headers that go, pages for errors, caches filled at the start |
//! | api | the module uwsgi, beside the original |
//! | applications | applications that other people wrote, unmodified |
//! | asgi | ASGI 3 in tasks: scopes, messages, lifespan, frameworks, deadlines, reloads |
//! | asgi_extensions | early hints, trailers, files by their path |
//! | asgi_types | what an ASGI application is given, beside the types of asgiref |
//! | autoreload | what an editor writes is served, or the reason is in the log |
//! | bad_input | every mistake in a configuration is one clear message; every mistake on a socket costs nothing |
//! | bodies | request bodies of every size and way to read them |
//! | canary | a new version beside the old one: worse ones are taken back, equal ones go on to all |
//! | carbon | numbers that are sent to carbon, beside the original |
//! | pushing | numbers that are sent over UDP, and stand in files, beside the original |
//! | chaos | kills, stops, reloads and scaling at random; the books balance |
//! | clients | libraries that look for the module uwsgi, as pip installs them |
//! | commands | --reload PIDFILE, --connect-and-read and so on, beside the original |
//! | configs | small configurations, one for each option or combination, beside what uWSGI answered |
//! | ctl | uswgi-ctl and uswgi-conf |
//! | delivery | files, streams, uploads, sub-paths, schemes and languages of a Django project, beside the original |
//! | deploy | the deploy script under load, with good and broken code |
//! | differential | the same raw requests to other servers |
//! | django | the example project, behind nginx, behind Apache, and alone |
//! | documents | every command and configuration in the documents |
//! | dynamic | cheaper, cheap and idle: numbers of workers that change |
//! | edges | defects that a review found: clients, applications and moments that a worker must bear |
//! | emperor_chaos | vassals and Emperor at random: those that nobody touches lose nothing |
//! | emperor_options | tyrant, on demand, heartbeat, what dies with the Emperor; its statistics |
//! | emperor | vassals come, change and go with their files, and outlive the Emperor |
//! | exhaustion | descriptors, processes, disks, memory: what is out is refused with a reason, and used again later |
//! | fastcgi | FastCGI, from nginx, Apache and lighttpd |
//! | fastapi | Starlette and FastAPI |
//! | forwarded | whose X-Forwarded-* is believed |
//! | examples | what stands in examples/, as it stands there |
//! | forks | threads, fork hooks, atexit; workers that die at once |
//! | frameworks | Flask and web.py |
//! | gevent | requests in greenlets: waits, deadlines, reloads, what gevent has to be |
//! | gone | clients that leave while their answer is made |
//! | harakiri | slow requests |
//! | hurtful | applications that hurt: the others are answered, who is lost is replaced for a reason that the log names |
//! | install | make install, make uninstall, the units of systemd |
//! | hints | what people get wrong in the first hour, and the line that says what was meant |
//! | hostile_mix | all of them at once: memory below a stated sum, a good client is answered |
//! | hostile | clients that mean harm: bounded memory, no lost worker, answers to the others |
//! | jail | chroot: what is seen from inside, reloads from inside |
//! | lanes | what is shown of tasks and greenlets, and what it costs to wait in them |
//! | layouts | scripts, units and command lines of distributions and guides, from their packages |
//! | lifecycle | start, stop, pidfile, vacuum, limits, daemonize |
//! | log_format | log-format, log-date, and which requests are logged |
//! | limits | memory, age, requests, CPUs: who is replaced, who is killed |
//! | log_reload | a reload that moves the log loses and doubles no line |
//! | log_rotate | log files: rotation and reopening lose and double no line |
//! | log_stuck | a stuck reader and a full disk stop no request |
//! | loggers | the log process: loggers, routes, encoders, log-json |
//! | logging | the request line |
//! | moments | stop signals at random moments of a start and a reload leave nothing |
//! | mules | messages for mules and farms: to one process each, none lost in a reload |
//! | numbers | one number, one process (worker-id-exclusive) |
//! | need_app | need-app = false: no application, and everybody knows; it never replaces one |
//! | numbers | one number, one process (worker-id-exclusive) |
//! | operate | every verb of uswgi-ctl on a running instance, also while its master stands still |
//! | operating | verbs, exit codes, numbers, messages and options are all in the documents |
//! | options | where the app comes from, sockets, static files, stats |
//! | package | the Debian package: what is in it
//! | pages | man pages and completions against --help |
//! | patience | how long a client may take: silence, trickles, and who gets on |
//! | pep3333 | the clauses of PEP 3333, over HTTP and over uwsgi |
//! | pieces | answers in many small pieces |
//! | pid1 | process 1 of a container |
//! | preload | what Django imports with its first request |
//! | privileges | users, groups, modes, ports |
//! | profile | where lanes stand, by route |
//! | python_options | options about Python around the application, and about sockets of workers, beside the original |
//! | pythons | every CPython of the machine serves with the same build |
//! | real_files | files as people write them, beside uWSGI: what serves there, and what it reads from them |
//! | reload_mixed | reloads in a row under requests, streams and WebSockets at once |
//! | reload | nothing lost, nothing broken goes live |
//! | repeated | what is remembered for speed never shows in another request |
//! | reread | the configuration read again, touch files |
//! | same_table | command lines and converted files: both programs read the same table |
//! | routing | rules of internal routing, beside the original |
//! | s6 | a master and a worker alone under a real s6 |
//! | sharing | queue_*, sharedarea_*, metric_* and rpc, beside the original |
//! | shutdown_delay | TERM: not ready at once, everything served for a while, then the stop |
//! | shaping | rules that compress and keep bodies, end requests, choose applications and call functions |
//! | scgi | SCGI, from nginx and lighttpd |
//! | share | connections and memory among workers |
//! | static_files | files without Python: what is served, and nothing else |
//! | slow | slow requests by phase; advice |
//! | signals | signals, timers and files of an application, beside the original; the decorators of the original |
//! | spooler_disk | a full disk and a read-only folder: spool() raises, nothing half-written stays |
//! | spooler | tasks as files: as uWSGI runs them, and better where that lost some |
//! | spool_verb | uswgi-ctl spool: tasks seen, run, retried and dropped, with the instance up and down |
//! | spooler_door | tasks from the network: the answers and files of uWSGI, and who may |
//! | spooler_kills | a task that was accepted runs at least once, whatever is killed |
//! | startup | what a start locks, waits for and sets, and its fallback |
//! | stats | the scoreboard and the stats server, as monitoring reads them |
//! | steer | what a running instance is told other than by signals: requests, the FIFO |
//! | storm | reloads in a row and all at once |
//! | strangers | another user of the machine and the application: who can reach what; forged pidfiles, scoreboards, links |
//! | supervisors | sd_notify, supervisord |
//! | survival | kill -9 of anything; no CPU when idle |
//! | taken | folders, virtualenvs, sockets and pidfiles that somebody takes away; machines that have less than others |
//! | task_libraries | uwsgi-tasks, django-uwsgi-ng and prometheus_client, as pip installs them |
//! | tasks | daemons and steps around a real application |
//! | tls | HTTPS beside the original: names, certificates of clients, renewal, strangers |
//! | trust | unsafe blocks, licences, the oldest Rust, circles of imports |
//! | validator | wsgiref.validate finds nothing |
//! | vassals | files of vassals: which count, when, and what a vassal is given |
//! | warmup | what a worker asks itself before it accepts; a reload that watches its workers |
//! | warmup_asgi | the same for ASGI applications |
//! | websocket | WebSockets of ASGI applications: messages, closes, violations, reloads, web servers in front |
//! | websocket_api | uWSGI's functions for WebSockets, beside the original; Flask-SocketIO |
//! | websocket_bad | what clients and applications do wrong, for every engine |
//! | websocket_cases | the cases of the Autobahn suite, for every engine |
//! | websocket_clients | the same with frameworks and clients from PyPI |
//! | wire | the uwsgi protocol and HTTP/1.1: limits, framing, variables |
//! | wheel | sdist, wheel, pip install |
#![forbid(unsafe_code)]
// Every panic of a helper here fails a test, as it should.
#![allow(clippy::unwrap_used)]

mod alarms;
mod alone;
mod answers;
mod api;
mod applications;
mod asgi;
mod asgi_extensions;
mod asgi_types;
mod autoreload;
mod bad_input;
mod bodies;
mod canary;
mod carbon;
mod chaos;
mod clients;
mod commands;
mod configs;
mod ctl;
mod delivery;
mod deploy;
mod differential;
mod django;
mod documents;
mod dynamic;
mod edges;
mod emperor;
mod emperor_bad;
mod emperor_chaos;
mod emperor_ctl;
mod emperor_hooks;
mod emperor_options;
mod examples;
mod exhaustion;
mod fastapi;
mod fastcgi;
mod forks;
mod forwarded;
mod frameworks;
mod gevent;
mod gone;
mod harakiri;
mod hints;
mod hostile;
mod hostile_mix;
mod hurtful;
mod install;
mod jail;
mod lanes;
mod layouts;
mod lifecycle;
mod limits;
mod log_format;
mod log_reload;
mod log_rotate;
mod log_stuck;
mod loggers;
mod logging;
mod moments;
mod mules;
mod need_app;
mod numbers;
mod operate;
mod operating;
mod options;
mod package;
mod pages;
mod patience;
mod pep3333;
mod pid1;
mod pieces;
mod precedence;
mod preload;
mod privileges;
mod profile;
mod pushing;
mod python_options;
mod pythons;
mod real_files;
mod reload;
mod reload_mixed;
mod repeated;
mod reread;
mod routing;
mod s6;
mod same_table;
mod scgi;
mod shaping;
mod share;
mod sharing;
mod shutdown_delay;
mod signals;
mod slow;
mod spool_verb;
mod spooler;
mod spooler_disk;
mod spooler_door;
mod spooler_kills;
mod startup;
mod static_files;
mod stats;
mod steer;
mod storm;
mod strangers;
mod supervisors;
mod survival;
mod taken;
mod task_libraries;
mod tasks;
mod tls;
mod trust;
mod validator;
mod vassals;
mod warmup;
mod warmup_asgi;
mod websocket;
mod websocket_api;
mod websocket_bad;
mod websocket_cases;
mod websocket_clients;
mod wheel;
mod wire;
