# shellcheck shell=bash disable=SC2016
# Root directories of other Debians, for tests/fresh.sh and tests/deb.sh, which source this. Needs root and debootstrap, and takes
# what leads to the registries (mirror, certificates, pip's configuration) from here.
# USWGI_FRESH_DIR keeps them (build/fresh); each run begins with a copy of what debootstrap made.
[ "$(id -u)" = 0 ] || { echo "${0##*/}: needs root, to make root directories" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "${0##*/}: please install debootstrap" >&2; exit 2; }
base=${USWGI_FRESH_DIR:-$PWD/build/fresh}
mkdir -p "$base"
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 | tr -d ' ' || true)

# Variables that lead to the registries; their values stay here.
passed=()
while IFS= read -r line; do passed+=("$line"); done < <(env |
    grep -E '^(https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|SSL_CERT_(FILE|DIR)|PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|DEFAULT_TIMEOUT)|CARGO_(HTTP|NET|REGISTR)[A-Z_]*)=' || true)

# The machine as debootstrap leaves it, made once: SUITE [PACKAGES BESIDE]. Another list of packages is another machine.
template() {
    local made="$base/$1${2:+-${2%%,*}}.base"
    [ ! -e "$made/.ready" ] || return 0
    rm -rf "$made"
    debootstrap --variant=minbase --include="ca-certificates,make,python3${2:+,$2}" "$1" "$made" "${mirror:-http://deb.debian.org/debian}" >"$made.log" ||
        { tail -20 "$made.log" >&2; exit 1; }
    touch "$made/.ready"
}

# A copy of it with what leads to the registries: NAME, the same again with its first package beside.
bare_machine() {
    local root="$base/$1"
    rm -rf "$root"
    cp -a "$base/$1.base" "$root"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    [ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    for file in /etc/pip.conf ~/.pip/pip.conf ~/.config/pip/pip.conf; do
        [ ! -e "$file" ] || cp "$file" "$root/etc/pip.conf"
    done
    chmod 700 "$root/root"
}

# What runs there, as its root, in FOLDER: NAME FOLDER SCRIPT. Namespaces of its own, so that nothing of it stays, and as the root
# directory of its mount namespace, because a chroot allows no user namespaces. `rust`: this machine's, seen in /opt/rust; `shown`: a list
# of folders that are seen at their own places.
inside_of() {
    local root="$base/$1"
    env -i "${passed[@]}" HOME=/root LANG=C.UTF-8 TERM=dumb PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        unshare --mount --pid --fork --kill-child --propagation private bash -euc '
        root=$1 folder=$2 what=$3 rust=$4; shift 4
        mount --bind "$root" "$root"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount -t proc proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        for seen; do mkdir -p "$root$seen"; mount --bind "$seen" "$root$seen"; done
        [ -z "$rust" ] || mount --bind -o ro "$rust" "$root/opt/rust"
        cd "$root"; mkdir -p .old; pivot_root . .old; umount -l /.old
        cd "$folder"; exec bash -euc "$what"' bash "$root" "$2" "$3" "${rust:-}" ${shown[@]+"${shown[@]}"}
}

# Starts systemd there as process 1, in a control group of its own: NAME. Waits until it takes orders. `on` runs commands in it,
# `halt` ends it with everything that runs there.
boot() {
    local root="$base/$1" groups=/sys/fs/cgroup
    [ ! -d /sys/fs/cgroup/unified ] || groups=/sys/fs/cgroup/unified
    group=$groups/uswgi-$$
    mkdir "$group"
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec env -i "${passed[@]}" container=uswgi TERM=dumb unshare --mount --pid --fork --kill-child --uts --ipc --cgroup \
            --propagation private bash -euc '
            root=$1
            mount --bind "$root" "$root"
            mount -t proc proc "$root/proc"
            mount -t sysfs -o ro sysfs "$root/sys"
            mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
            mount -t tmpfs -o mode=755 tmpfs "$root/dev"
            for device in null zero full random urandom tty; do : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
            mkdir "$root/dev/pts" "$root/dev/shm"
            mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
            ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
            mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
            mount -t tmpfs -o mode=755 tmpfs "$root/run"
            mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
            hostname uswgi
            cd "$root"; mkdir -p .old; pivot_root . .old; umount -l /.old
            exec /sbin/init' bash "$root" </dev/null >"$root.console" 2>&1
    ) &
    outer=$!
    local deadline=$((SECONDS + 120)) state=""
    while [ $SECONDS -lt $deadline ]; do
        init=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null || true)
        state=$([ -z "$init" ] || on systemctl is-system-running 2>/dev/null || true)
        case "$state" in running | degraded) return 0 ;; esac
        kill -0 "$outer" 2>/dev/null || break
        read -rt 0.2 <> <(:) || :
    done
    cat "$root.console" >&2
    echo "${0##*/}: systemd does not come up in $root (${state:-no answer})" >&2
    return 1
}

on() {
    nsenter --target "${init% }" --mount --pid --uts --ipc --cgroup env -i "${passed[@]}" HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

halt() {
    [ -z "${outer:-}" ] || kill -KILL "$outer" 2>/dev/null || :
    wait "${outer:-}" 2>/dev/null || :
    outer=""
    # Its processes end in their own time.
    local deadline=$((SECONDS + 30))
    while [ -d "${group:-}" ] && [ $SECONDS -lt $deadline ]; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || read -rt 0.1 <> <(:) || :
    done
}
