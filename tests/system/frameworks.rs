//! Flask and web.py.

use uswgi_tests::{Request, Server, Site, paths};

fn start(app: &str, callable: &str) -> Server {
    let site = Site::new().app(app).home(&paths::venv()).both();
    site.option("callable", callable).option("workers", 2).option("threads", 2).start()
}

#[test]
fn flask() {
    let server = start("flask_app", "app");
    for door in server.doors() {
        assert_eq!(door.get("/?q=%C3%A9").expect(200).text(), "flask q=%C3%A9");
        let reply = door.ask(&Request::form("/form", &[("a", "1 & 2"), ("a", "é"), ("b", "")])).expect(200);
        assert_eq!(reply.json()["fields"], serde_json::json!({"a": ["1 & 2", "é"], "b": [""]}));
        let boundary = "XyZ";
        let mut body =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.bin\"\r\n\r\n")
                .into_bytes();
        body.extend(vec![7u8; 300_000]);
        body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        let kind = format!("multipart/form-data; boundary={boundary}");
        let reply = door.ask(&Request::post("/form", body).header("Content-Type", &kind)).expect(200);
        assert_eq!(reply.json()["files"]["f"], 300_000);
        let put = Request { method: "PUT".into(), ..Request::post("/json", "{\"x\": [1, null]}") };
        assert_eq!(door.ask(&put.header("Content-Type", "application/json")).expect(200).json()["x"][0], 1);
        let first = door.get("/visits").expect(200);
        let cookie = first.header("Set-Cookie").unwrap().split(';').next().unwrap().to_string();
        assert_eq!(door.ask(&Request::get("/visits").header("Cookie", &cookie)).text(), "2");
        assert_eq!(door.get("/stream").expect(200).text().lines().count(), 100);
        door.get("/boom").expect(500);
        door.get("/nowhere").expect(404);
        door.get("/").expect(200);
    }
}

#[test]
fn web_py() {
    let server = start("webpy_app", "application");
    for door in server.doors() {
        assert_eq!(door.get("/?a=b").expect(200).text(), "web.py ?a=b".replace('?', ""));
        assert_eq!(door.ask(&Request::form("/form", &[("name", "Zoë")])).expect(200).text(), "name=Zoë");
        assert_eq!(door.get("/stream").expect(200).text().lines().count(), 100);
        door.get("/boom").expect(500);
        door.get("/nowhere").expect(404);
    }
}
