"""The same steps on two programs: where status, headers or the length of a body differ."""
import re

# What a server says of its own, and what is another one each time.
LEFT_OUT = {"date", "server", "connection", "keep-alive", "etag", "last-modified", "expires", "content-length", "transfer-encoding"}
# Numbers of requests, tokens and clocks: their length may differ a little.
LOOSE = 0.02


def plain(text, site):
    """A text without what is another one in each run: ports, folders, tokens and numbers."""
    for name, value in {"PORT": site.port, "OTHER": site.other, "FRONT": site.front, "DIR": site.dir}.items():
        text = text.replace(str(value), name)
    text = re.sub(r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\b", "DATE", text)
    return re.sub(r"[0-9A-Za-z_.-]{20,}", "TOKEN", text)


def step(answer, site):
    """What of an answer two servers should have in common."""
    fields = {name: plain(value, site) for name, value in answer.headers.items() if name not in LEFT_OUT}
    if answer.cookies:
        fields["set-cookie"] = ",".join(sorted(cookie.split("=")[0] for cookie in answer.cookies))
    return plain(answer.what, site), answer.status, fields, len(answer.body)


def differences(one, other):
    """Of two runs (door: steps), a line for each step that differs."""
    found = []
    for door, ours in one.items():
        theirs = other.get(door, [])
        if len(ours) != len(theirs):
            found.append(f"{door}: {len(ours)} steps and {len(theirs)}")
        for (what, status, fields, length), (_, status_2, fields_2, length_2) in zip(ours, theirs):
            if status != status_2:
                found.append(f"{door}: {what}: {status} here, {status_2} there")
            for name in sorted(set(fields) | set(fields_2)):
                if fields.get(name) != fields_2.get(name):
                    found.append(f"{door}: {what}: {name}: {fields.get(name)!r} here, {fields_2.get(name)!r} there")
            if abs(length - length_2) > max(64, LOOSE * max(length, length_2)):
                found.append(f"{door}: {what}: {length} bytes here, {length_2} there")
    return found
