//! Starlette and FastAPI, as pip installs them.

use uswgi_tests::server::wait_file;
use uswgi_tests::{Request, Site, paths};

#[test]
fn starlette_and_fastapi_run_unmodified() {
    let app = r#"
import asyncio, contextlib, os
from fastapi import FastAPI, BackgroundTasks, Request
from fastapi.responses import FileResponse, StreamingResponse

@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"pool": "open"}

application = FastAPI(lifespan=lifespan)

@application.get("/async/{n}")
async def one(n: int, request: Request):
    await asyncio.sleep(0.01)
    return {"n": n, "pool": request.state.pool, "url": str(request.url)}

@application.get("/sync")
def two():
    return {"sync": True}

@application.post("/form")
async def form(request: Request):
    return {"length": len(await request.body())}

@application.get("/file")
async def file():
    return FileResponse(__file__)

@application.get("/stream")
async def stream():
    async def pieces():
        for n in range(50):
            yield b"%03d" % n
            await asyncio.sleep(0)
    return StreamingResponse(pieces())

@application.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(lambda: open(os.path.join(os.environ["HOLD_DIR"], "background"), "w").write("ran"))
    return {}

@application.get("/error")
async def error():
    raise RuntimeError("an error of the site")
"#;
    let site = Site::probe().home(&paths::engines()).source("api.py", app).without("module");
    let server = site.option("module", "api").option("asgi", true).start();
    for door in server.doors() {
        let json = door.get("/async/5").expect(200).json();
        assert_eq!((json["n"].as_i64(), json["pool"].as_str()), (Some(5), Some("open")), "{json}");
        assert_eq!(json["url"], "http://test.example/async/5");
        door.get("/async/x").expect(422);
        assert_eq!(door.get("/sync").expect(200).json()["sync"], true);
        assert_eq!(door.ask(&Request::post_pattern("/form", 200_000)).json()["length"], 200_000);
        assert_eq!(door.get("/file").expect(200).text(), app);
        assert_eq!(door.get("/stream").expect(200).text().len(), 150);
        door.get("/background").expect(200);
        assert_eq!(wait_file(&server.dir.join("hold").join("background")), "ran");
        std::fs::remove_file(server.dir.join("hold").join("background")).unwrap();
        door.get("/error").expect(500);
        let openapi = door.get("/openapi.json").expect(200).json();
        assert!(openapi["paths"]["/sync"].is_object());
    }
    assert!(server.log().contains("RuntimeError: an error of the site"));
}
