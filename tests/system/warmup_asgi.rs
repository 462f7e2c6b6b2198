//! The warm-up of an ASGI application: its lifespan has begun, the loop runs, nobody is served before.

use std::fs;
use uswgi_tests::{Site, paths};

const APP: &str = r#"
import asyncio, json, os, version

SEEN = []

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["path"] == "/seen":
        body = json.dumps(SEEN).encode()
    else:
        SEEN.append([scope["path"], "uswgi.warmup" in scope["extensions"], scope["state"]["pool"]])
        await asyncio.sleep(0.02)
        body = version.answer(await receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"#;

fn site() -> Site {
    let site = Site::probe().home(&paths::engines()).without("module").source("warms.py", APP);
    let site = site.source("version.py", "def answer(message):\n    return message['type'].encode()\n");
    let chdir = site.dir.join("app").display().to_string();
    let site = site.option("chdir", chdir).option("env", "PYTHONDONTWRITEBYTECODE=1");
    site.option("module", "warms").option("asgi", true).option("warmup", "/healthz")
}

#[test]
fn an_asgi_application_is_asked_in_its_loop_before_its_first_visitor() {
    for (kind, server) in
        [("asyncio", site().option("asyncio-loop", "asyncio").start()), ("uvloop", site().start())]
    {
        assert_eq!(server.get("/seen").expect(200).text(), r#"[["/healthz", true, "open"]]"#, "{kind}");
        let log = server.log();
        let ready = log.find("ready: generation 1").unwrap();
        assert!(log.find("warm-up: GET /healthz: 200 in ").is_some_and(|at| at < ready), "{log}");
        // One that fails replaces nothing, and says why.
        for (text, told) in [
            ("def answer(message):\n    raise ValueError('not yet')\n", "ValueError: not yet"),
            (
                "import time\ndef answer(message):\n    time.sleep(60)\n",
                "no answer within 1 s (warmup-timeout)",
            ),
        ] {
            fs::write(server.dir.join("app/version.py"), text).unwrap();
            let ini = server.dir.join("uwsgi.ini");
            let before = fs::read_to_string(&ini).unwrap();
            if !before.contains("warmup-timeout") {
                fs::write(&ini, format!("{before}warmup-timeout = 1\n")).unwrap();
            }
            let out = server.ctl(&["reload", "--wait"]);
            let said = String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned();
            assert!(!out.status.success() && said.contains(told), "{kind}: {said}");
            assert_eq!(server.get("/seen").expect(200).text(), r#"[["/healthz", true, "open"]]"#);
        }
    }
}
