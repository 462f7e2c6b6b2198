"""The smallest useful Flask application."""

from flask import Flask, jsonify, request

application = Flask(__name__)


@application.route("/")
def index():
    """A page."""
    return "Hello from Flask\n"


@application.route("/form", methods=["POST"])
def form():
    """Form fields and the names of uploaded files."""
    return jsonify(fields=request.form.to_dict(flat=False), files={k: len(f.read()) for k, f in request.files.items()})


@application.route("/stream")
def stream():
    """An answer in pieces."""
    return application.response_class((f"line {n}\n" for n in range(1000)), mimetype="text/plain")
