"""From samples to a table, and whether the targets are reached. Medians over rounds."""

from statistics import median


def summary(found):
    """Server -> medians."""
    out = {}
    for name, samples in found["samples"].items():
        good = [s for s in samples if s.get("cpu_us")]
        if not good:
            continue
        row = {key: median(s[key] for s in good) for key in ("rps", "cpu_us", "p50_us", "p99_us")}
        # How far apart the rounds were: a ratio closer to 1 than this says nothing.
        row["noise"] = (max(s["cpu_us"] for s in good) - min(s["cpu_us"] for s in good)) / row["cpu_us"]
        row["spread"] = median(s["spread"] for s in good)
        row["starved"] = median(s["starved"] for s in good)
        row["errors"] = sum(sum(s["errors"].values()) for s in samples)
        for key in ("share", "bytes_each", "own_us"):
            if key in good[0]:
                row[key] = median(s[key] for s in good)
        out[name] = row
    return out


def ratios(workload, rows):
    """(what, peer, ratio, wanted, reached) for every target."""
    ours, out = rows.get("uswgi"), []
    if not ours:
        return out
    for what, wanted in workload.targets.items():
        if what in ("most", "least"):
            for key, limit in wanted.items():
                reached = ours[key] <= limit if what == "most" else ours[key] >= limit
                out.append((f"{key} at {what}", "itself", ours[key], limit, reached))
            continue
        # own: what the server's process spent outside of the application.
        key = {"cpu": "cpu_us", "own": "own_us", "rps": "rps", "p99": "p99_us"}[what]
        more_is_better = what == "rps"
        for peer, ratio in wanted.items():
            others = {n: r[key] for n, r in rows.items() if n not in ("uswgi", "floor") and key in r and not r["errors"]}
            if peer == "*" and others:
                peer = (max if more_is_better else min)(others, key=others.get)
            if peer in others and others[peer]:
                is_ratio = ours[key] / others[peer]
                out.append((what, peer, is_ratio, ratio, is_ratio >= ratio if more_is_better else is_ratio <= ratio))
    return out


def table(workload, found):
    """Text."""
    rows = summary(found)
    lines = [f"\n{workload.name}: {found['title']}"]
    columns = f"{'server':<10} {'req/s':>9} {'CPU us/req':>11} {'p50 ms':>8} {'p99 ms':>8} {'noise':>6} {'errors':>7} {'starved':>8}"
    extra = []
    if workload.workers > 1:
        extra.append(("busiest", "spread", "{:.2f}"))
    if workload.special:
        extra += [("of alone", "share", "{:.2f}"), ("bytes each", "bytes_each", "{:.0f}")]
    if any("own_us" in r for r in rows.values()):
        extra.append(("own us", "own_us", "{:.1f}"))
    lines.append(columns + "".join(f" {title:>10}" for title, _, _ in extra))
    for name, r in sorted(rows.items(), key=lambda item: item[1]["cpu_us"]):
        line = (f"{name:<10} {r['rps']:>9.0f} {r['cpu_us']:>11.1f} {r['p50_us'] / 1000:>8.2f} "
                f"{r['p99_us'] / 1000:>8.2f} {r['noise']:>6.0%} {r['errors']:>7} {r['starved']:>8.0f}")
        lines.append(line + "".join(f" {form.format(r.get(key, 0)):>10}" for _, key, form in extra))
    for name, why in found["skipped"].items():
        lines.append(f"{name:<10} left out: {why}")
    for name in found["samples"].keys() - rows.keys():
        errors = {e for sample in found["samples"][name] for e in sample["errors"]}
        lines.append(f"{name:<10} failed: {'; '.join(errors) or 'no answers'}")
    for what, peer, ratio, wanted, reached in ratios(workload, rows):
        sign = ">=" if what == "rps" or what.endswith("least") else "<="
        verdict = "reached" if reached else "MISSED"
        lines.append(f"  {what} / {peer}: {ratio:.2f} (target {sign} {wanted}) {verdict}")
    if "floor" in rows:
        key = "own_us" if "own_us" in rows["floor"] else "cpu_us"
        of = {n: r[key] / rows["floor"][key] for n, r in rows.items() if n != "floor" and key in r}
        lines.append("  of the floor: " + ", ".join(f"{n} {ratio:.2f}" for n, ratio in of.items()))
    return "\n".join(lines)
