"""A Flask application for the tests."""

from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = "for tests only"


@app.route("/")
def index():
    """A page."""
    return "flask " + request.query_string.decode()


@app.route("/form", methods=["POST"])
def form():
    """Fields and files."""
    return jsonify(fields=request.form.to_dict(flat=False), files={k: len(f.read()) for k, f in request.files.items()})


@app.route("/json", methods=["POST", "PUT"])
def json():
    """A JSON body back."""
    return jsonify(request.get_json())


@app.route("/visits")
def visits():
    """A session in a cookie."""
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])


@app.route("/stream")
def stream():
    """An answer in pieces."""
    return app.response_class((f"line {n}\n" for n in range(100)), mimetype="text/plain")


@app.route("/boom")
def boom():
    """A page that fails."""
    raise RuntimeError("on purpose")
