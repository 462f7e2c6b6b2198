//! Django imports URLconf and views with the first request: they are loaded with the app here (`django-preload`).

use std::fs;
use uswgi_proto::exit::Exit;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Server, Site, paths, process};

/// A whole project in three files. The views note which process has imported them, and ask the database meanwhile.
const SETTINGS: &str = r#"
import os
SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "x", ["*"], "urls", True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.environ["HOLD_DIR"], "db")}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
              "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}]
"#;
const WSGI: &str = r#"
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.wsgi import get_wsgi_application
served = get_wsgi_application()
def application(environ, start_response):
    return served(environ, start_response)
"#;
const URLS: &str = "
from django.urls import path
import views
urlpatterns = [path('', views.index)]
";
const VIEWS: &str = r#"
import os
from django.db import connection
from django.http import HttpResponse
from django.template import engines
with connection.cursor() as cursor:
    cursor.execute("select 1")
IMPORTED_BY = os.getpid()
OPEN = []
os.register_at_fork(before=lambda: OPEN.append(connection.connection is not None))
def index(request):
    return HttpResponse("%s %s" % (os.getpid() == IMPORTED_BY, OPEN))
"#;

fn site() -> Site {
    Site::probe()
        .without("module")
        .home(&paths::venv())
        .source("settings.py", SETTINGS)
        .source("site_wsgi.py", WSGI)
        .source("urls.py", URLS)
        .source("views.py", VIEWS)
        .option("env", "PYTHONDONTWRITEBYTECODE=1")
        .option("module", "site_wsgi")
}

fn write(server: &Server, views: &str) {
    fs::write(server.dir.join("app/views.py"), views).unwrap();
}

#[test]
fn views_are_loaded_before_the_fork_and_leave_no_connection_open() {
    let server = site().start();
    // The template has imported them, and no descriptor of a database goes into the workers.
    assert_eq!(server.get("/").expect(200).text(), "False [False]");
    let server = site().option("django-preload", "false").start();
    assert_eq!(server.get("/").expect(200).text(), "True []");
    // With lazy-apps there is no template; the worker has them before its first request.
    let server = site().option("lazy-apps", "true").start();
    write(&server, "broken(");
    assert_eq!(server.get("/").expect(200).text(), "True []");
}

#[test]
fn broken_views_replace_no_working_ones() {
    let server = site().start();
    for broken in ["def index(request:", "import a_module_that_is_not_there", "index = None + 1"] {
        write(&server, broken);
        server.reload();
        server.wait_log("what Django imports with its first request does not load (django-preload)");
        assert_eq!(server.get("/").expect(200).text(), "False [False]", "after {broken:?}");
        let out = server.ctl(&["reload", "--wait"]);
        assert_ne!(out.status.code(), Some(0), "{out:?}");
    }
    write(&server, VIEWS);
    let out = server.ctl(&["reload", "--wait"]);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    server.get("/").expect(200);
}

#[test]
fn broken_views_and_templates_end_a_start_and_a_check() {
    let refused = |site: Site, part: &str| {
        let failure = site.refused();
        assert_eq!(failure.code, Some(Exit::AppFailed.code()), "{}", failure.text);
        assert!(failure.text.contains(part), "{part}: {}", failure.text);
    };
    refused(site().source("views.py", "def index(request:"), "SyntaxError");
    refused(site().source("urls.py", "urlpatterns = [1]"), "urls");
    refused(
        site().source(
            "settings.py",
            &SETTINGS.replace("template.context_processors.request", "nowhere.at_all"),
        ),
        "nowhere",
    );
    let handler = format!("{URLS}handler404 = 'nowhere.at_all'\n");
    refused(site().source("urls.py", &handler), "nowhere");
    // As before where it is switched off.
    let server = site().source("views.py", "def index(request:").option("django-preload", "false").start();
    server.get("/").expect(500);

    let site = site().source("views.py", "def index(request:");
    let check = |more: &[&str]| {
        let mut command = process::command(paths::command("uswgi-worker"));
        command.env("HOLD_DIR", site.dir.join("hold")).arg("--home").arg(paths::venv());
        command.arg("--chdir").arg(site.dir.join("app")).args(more);
        process::run(command, PATIENCE).status.code()
    };
    assert_eq!(check(&["--check", "site_wsgi"]), Some(Exit::AppFailed.code()));
    assert_eq!(check(&["--no-django-preload", "--check", "site_wsgi"]), Some(0));
}
