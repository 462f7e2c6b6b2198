_uswgi__master() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="uswgi__master"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        uswgi__master)
            opts="--socket --uwsgi-socket --http-socket --http11-socket --https-socket --fastcgi-socket --fastcgi-nph-socket --scgi-socket --scgi-nph-socket --protocol --socket-protocol --shared-socket --undeferred-shared-socket --processes --workers --harakiri --harakiri-graceful-timeout --harakiri-graceful-signal --harakiri-queue-threshold --mule-harakiri --xmlconfig --xml --config --fallback-config --strict --skip-atexit --skip-atexit-teardown --set --set-placeholder --set-ph --get --declare-option --declare-option2 --resolve --for --for-glob --for-times --for-readline --endfor --end-for --if-opt --if-not-opt --if-env --if-not-env --ifenv --if-reload --if-not-reload --if-hostname --if-not-hostname --if-hostname-match --if-not-hostname-match --if-exists --if-not-exists --ifexists --if-plugin --if-not-plugin --ifplugin --if-file --if-not-file --if-dir --if-not-dir --ifdir --if-directory --endif --end-if --blacklist --end-blacklist --whitelist --end-whitelist --inherit --include --inject-before --inject-after --daemonize --daemonize2 --stop --reload --pause --suspend --resume --connect-and-read --extract --listen --max-vars --buffer-size --memory-report --abstract-socket --chmod-socket --chmod --chown-socket --umask --freebind --map-socket --procname-prefix --procname-prefix-spaced --need-app --emperor --emperor-wrapper --emperor-wrapper-override --emperor-wrapper-fallback --emperor-nofollow --emperor-freq --emperor-required-heartbeat --emperor-pidfile --emperor-tyrant --emperor-tyrant-nofollow --emperor-stats --emperor-stats-server --emperor-throttle --emperor-max-throttle --emperor-on-demand-extension --emperor-on-demand-ext --emperor-on-demand-directory --emperor-on-demand-dir --emperor-on-demand-exec --emperor-extra-extension --emperor-extra-ext --emperor-no-blacklist --vassals-inherit --vassals-include --vassals-inherit-before --vassals-include-before --vassals-start-hook --vassals-stop-hook --vassals-set --vassal-set --heartbeat --reload-mercy --worker-reload-mercy --mule-reload-mercy --exit-on-reload --die-on-term --help --usage --max-requests --max-requests-delta --min-worker-lifetime --max-worker-lifetime --max-worker-lifetime-delta --socket-timeout --locks --sharedarea --cache --cache-blocksize --cache-no-expire --add-cache-item --load-file-in-cache --load-file-in-cache-gzip --cache2 --queue --queue-blocksize --spooler --spooler-external --spooler-ordered --spooler-chdir --spooler-processes --spooler-quiet --spooler-max-tasks --spooler-harakiri --spooler-frequency --spooler-freq --mule --mules --farm --mule-msg-size --signal --signal-timer --timer --signal-rbtimer --rbtimer --rpc-max --disable-logging --flock --flock-wait --flock2 --flock-wait2 --pidfile --pidfile2 --safe-pidfile --safe-pidfile2 --chroot --uid --gid --add-gid --immediate-uid --immediate-gid --no-initgroups --hook-asap --hook-pre-jail --hook-in-jail --hook-as-root --hook-as-user --hook-as-user-atexit --hook-pre-app --hook-post-app --hook-post-fork --hook-accepting --hook-accepting1 --hook-accepting-once --hook-accepting1-once --hook-master-start --hook-touch --hook-emperor-start --hook-as-vassal --hook-as-emperor --exec-asap --exec-pre-jail --exec-in-jail --exec-as-root --exec-as-user --exec-as-user-atexit --exec-pre-app --exec-post-app --exec-as-vassal --exec-as-emperor --wait-for-interface --wait-for-interface-timeout --wait-interface --wait-interface-timeout --wait-for-iface --wait-for-iface-timeout --wait-iface --wait-iface-timeout --wait-for-fs --wait-for-file --wait-for-dir --wait-for-mountpoint --wait-for-fs-timeout --wait-for-socket --wait-for-socket-timeout --ini --yaml --yml --json --js --no-defer-accept --so-send-timeout --socket-send-timeout --so-write-timeout --socket-write-timeout --socket-sndbuf --socket-rcvbuf --limit-as --limit-nproc --reload-on-as --reload-on-rss --evil-reload-on-as --evil-reload-on-rss --touch-reload --touch-workers-reload --touch-mules-reload --touch-spoolers-reload --touch-chain-reload --touch-logrotate --touch-logreopen --touch-exec --touch-signal --fs-reload --fs-brutal-reload --fs-signal --limit-post --prio --cpu-affinity --post-buffering --no-default-app --manage-script-name --reload-on-exception --reload-on-exception-type --reload-on-exception-value --reload-on-exception-repr --metric --metric-threshold --metric-alarm --alarm-metric --metrics-dir --metrics-dir-restore --metric-dir --metric-dir-restore --metrics-no-cores --stats --stats-server --stats-http --stats-minified --stats-min --stats-push --stats-pusher-default-freq --stats-pushers-default-freq --stats-no-cores --master-fifo --ssl-verbose --sni --sni-dir --sni-dir-ciphers --sni-regexp --max-fd --logto --logto2 --log-format --logformat --logformat-strftime --log-format-strftime --logfile-chown --logfile-chmod --log-syslog --log-socket --req-logger --logger-req --logger --log-encoder --log-req-encoder --log-drain --log-filter --log-route --log-req-route --alarm --alarm-freq --alarm-segfault --segfault-alarm --alarm-backlog --backlog-alarm --lq-alarm --alarm-lq --alarm-listen-queue --listen-queue-alarm --log-alarm --alarm-log --not-log-alarm --not-alarm-log --alarm-msg-size --log-master --log-reopen --log-truncate --log-maxsize --log-backupname --logdate --log-date --log-prefix --log-zero --log-slow --log-4xx --log-5xx --log-big --log-sendfile --log-ioerror --log-micros --log-x-forwarded-for --chdir --chdir2 --lazy --lazy-apps --cheap --cheaper --cheaper-initial --cheaper-algo --cheaper-step --cheaper-overload --cheaper-rss-limit-soft --cheaper-rss-limit-hard --idle --die-on-idle --mount --threads --thread-stacksize --threads-stacksize --thread-stack-size --threads-stack-size --vhost --vhost-host --route --route-host --route-uri --route-qs --route-remote-addr --route-user-agent --route-remote-user --route-referer --route-label --route-if --route-if-not --route-run --final-route --final-route-status --final-route-host --final-route-uri --final-route-qs --final-route-remote-addr --final-route-user-agent --final-route-remote-user --final-route-referer --final-route-label --final-route-if --final-route-if-not --final-route-run --error-route --error-route-status --error-route-host --error-route-uri --error-route-qs --error-route-remote-addr --error-route-user-agent --error-route-remote-user --error-route-referer --error-route-label --error-route-if --error-route-if-not --error-route-run --response-route --response-route-status --response-route-host --response-route-uri --response-route-qs --response-route-remote-addr --response-route-user-agent --response-route-remote-user --response-route-referer --response-route-label --response-route-if --response-route-if-not --response-route-run --error-page-403 --error-page-404 --error-page-500 --websockets-ping-freq --websocket-ping-freq --websockets-pong-tolerance --websocket-pong-tolerance --websockets-max-size --websocket-max-size --add-header --rem-header --del-header --collect-header --response-header-collect --pull-header --check-static --static-check --static-map --static-map2 --static-skip-ext --static-index --static-safe --mimefile --mime-file --static-expires-type --static-expires-type-mtime --static-expires --static-expires-mtime --static-expires-uri --static-expires-uri-mtime --static-expires-path-info --static-expires-path-info-mtime --static-gzip --static-gzip-all --static-gzip-dir --static-gzip-prefix --static-gzip-ext --static-gzip-suffix --honour-range --mode --env --envdir --early-envdir --unenv --vacuum --enable-proxy-protocol --tcp-fast-open --tcp-fastopen --cron --cron2 --unique-cron --cron-harakiri --attach-daemon --attach-control-daemon --smart-attach-daemon --smart-attach-daemon2 --daemons-honour-stdin --attach-daemon2 --print --iprint --exit --version --carbon --carbon-timeout --carbon-freq --carbon-id --carbon-no-workers --carbon-max-retry --carbon-retry-delay --carbon-root --carbon-hostname-dots --carbon-idle-avg --cheaper-busyness-max --cheaper-busyness-min --cheaper-busyness-multiplier --cheaper-busyness-penalty --cheaper-busyness-verbose --cheaper-busyness-backlog-alert --cheaper-busyness-backlog-multiplier --cheaper-busyness-backlog-step --cheaper-busyness-backlog-nonzero --gevent --gevent-monkey-patch --gevent-early-monkey-patch --gevent-wait-for-hub --http --httprouter --https --https2 --https-export-cert --http-to-https --http-to --http-timeout --http-keepalive --http-enable-proxy-protocol --wsgi-file --file --eval --module --wsgi --callable --home --virtualenv --venv --pyhome --pythonpath --python-path --pp --pymodule-alias --post-pymodule-alias --import --pyimport --py-import --python-import --shared-import --shared-pyimport --shared-py-import --shared-python-import --spooler-import --spooler-pyimport --spooler-py-import --spooler-python-import --pyargv --optimize --paste --paste-logger --ini-paste --ini-paste-logged --no-site --py-tracebacker --py-auto-reload --py-autoreload --python-auto-reload --python-autoreload --py-auto-reload-ignore --python-version --py-executable --py-sys-executable --rsyslog-packet-size --allow-unsupported --asgi --asgi-tasks --asyncio-loop --django-preload --emperor-die-with --canary-for --canary-max-5xx --canary-max-slower --canary-min-requests --canary-share --emperor-start-concurrency --forwarded-allow-ips --keep-previous --log-json --slow-request --loop-lag-warn --max-surplus --reload-boost --no-new-privs --reload-watch --rpc-allow-ips --shutdown-delay --spooler-allow-ips --spooler-fsync --spooler-max-attempts --signals-pile-up --spooler-retry-delay --warmup --warmup-header --warmup-expect --websocket-reload --warmup-timeout --worker-id-exclusive"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uwsgi-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http11-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --https-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fastcgi-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fastcgi-nph-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --scgi-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --scgi-nph-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --protocol)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket-protocol)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shared-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --undeferred-shared-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --processes)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --workers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --harakiri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --harakiri-graceful-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --harakiri-graceful-signal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --harakiri-queue-threshold)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mule-harakiri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --xmlconfig)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --xml)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fallback-config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --set-placeholder)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --set-ph)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --get)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --declare-option)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --declare-option2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --resolve)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --for)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --for-glob)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --for-times)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --for-readline)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --endfor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --end-for)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-opt)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-opt)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-env)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-env)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ifenv)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-hostname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-hostname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-hostname-match)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-hostname-match)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-exists)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-exists)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ifexists)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-plugin)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-plugin)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ifplugin)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-not-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ifdir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --if-directory)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --endif)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --end-if)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --blacklist)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --whitelist)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --inherit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --inject-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --inject-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --daemonize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --daemonize2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stop)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pause)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --suspend)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --resume)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --connect-and-read)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --extract)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --listen)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-vars)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --buffer-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chmod-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chmod)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chown-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --umask)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --map-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --procname-prefix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --procname-prefix-spaced)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --need-app)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-wrapper)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-wrapper-override)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-wrapper-fallback)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-required-heartbeat)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-pidfile)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-stats)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-stats-server)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-throttle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-max-throttle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-on-demand-extension)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-on-demand-ext)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-on-demand-directory)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-on-demand-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-on-demand-exec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-extra-extension)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-extra-ext)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-inherit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-inherit-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-include-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-start-hook)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-stop-hook)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassals-set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vassal-set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --heartbeat)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-mercy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --worker-reload-mercy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mule-reload-mercy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-requests)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-requests-delta)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --min-worker-lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-worker-lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-worker-lifetime-delta)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --locks)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sharedarea)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cache)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cache-blocksize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --add-cache-item)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --load-file-in-cache)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --load-file-in-cache-gzip)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cache2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --queue)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --queue-blocksize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-external)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-chdir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-processes)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-max-tasks)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-harakiri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-frequency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mule)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mules)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --farm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mule-msg-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --signal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --signal-timer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --timer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --signal-rbtimer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rbtimer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rpc-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --flock)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --flock-wait)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --flock2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --flock-wait2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pidfile)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pidfile2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --safe-pidfile)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --safe-pidfile2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chroot)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --add-gid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --immediate-uid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --immediate-gid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-asap)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-pre-jail)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-in-jail)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-as-root)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-as-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-as-user-atexit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-pre-app)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-post-app)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-post-fork)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-accepting)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-accepting1)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-accepting-once)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-accepting1-once)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-master-start)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-touch)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-emperor-start)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-as-vassal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hook-as-emperor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-asap)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-pre-jail)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-in-jail)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-as-root)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-as-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-as-user-atexit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-pre-app)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-post-app)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-as-vassal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-as-emperor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-interface)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-interface-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-interface)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-interface-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-iface)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-iface-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-iface)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-iface-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-fs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-mountpoint)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-fs-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wait-for-socket-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ini)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --yaml)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --yml)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --json)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --js)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket-sndbuf)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --socket-rcvbuf)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limit-as)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limit-nproc)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-on-as)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-on-rss)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --evil-reload-on-as)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --evil-reload-on-rss)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-workers-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-mules-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-spoolers-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-chain-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-logrotate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-logreopen)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-exec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-signal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-brutal-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-signal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limit-post)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prio)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cpu-affinity)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --post-buffering)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-on-exception-type)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-on-exception-value)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-on-exception-repr)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metric)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metric-threshold)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metric-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-metric)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metric-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stats)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stats-server)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stats-push)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stats-pusher-default-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stats-pushers-default-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --master-fifo)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sni)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sni-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sni-dir-ciphers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sni-regexp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-fd)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logto)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logto2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-format)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logformat)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logfile-chmod)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-syslog)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-socket)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --req-logger)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logger-req)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logger)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-encoder)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-req-encoder)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-drain)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-filter)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-route)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-req-route)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-segfault)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --segfault-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-backlog)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --backlog-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lq-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-lq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-listen-queue)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --listen-queue-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-log)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --not-log-alarm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --not-alarm-log)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --alarm-msg-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-maxsize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-backupname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --logdate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-date)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-prefix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-slow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-big)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-sendfile)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-ioerror)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chdir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chdir2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-initial)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-algo)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-step)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-overload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-rss-limit-soft)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-rss-limit-hard)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mount)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --threads)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --thread-stacksize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --threads-stacksize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --thread-stack-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --threads-stack-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-host)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-qs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-remote-addr)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-user-agent)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-remote-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-referer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-label)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-if)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-if-not)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --route-run)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-status)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-host)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-qs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-remote-addr)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-user-agent)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-remote-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-referer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-label)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-if)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-if-not)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --final-route-run)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-status)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-host)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-qs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-remote-addr)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-user-agent)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-remote-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-referer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-label)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-if)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-if-not)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-route-run)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-status)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-host)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-qs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-remote-addr)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-user-agent)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-remote-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-referer)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-label)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-if)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-if-not)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-route-run)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-page-403)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-page-404)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-page-500)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websockets-ping-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-ping-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websockets-pong-tolerance)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-pong-tolerance)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websockets-max-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-max-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --add-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rem-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --del-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collect-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --response-header-collect)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pull-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --check-static)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-check)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-map)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-map2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-skip-ext)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-index)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-safe)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mimefile)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mime-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-type)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-type-mtime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-mtime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-uri-mtime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-path-info)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-expires-path-info-mtime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-gzip)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-gzip-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-gzip-prefix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-gzip-ext)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --static-gzip-suffix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --env)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --envdir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --early-envdir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unenv)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tcp-fast-open)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tcp-fastopen)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cron)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cron2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unique-cron)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cron-harakiri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --attach-daemon)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --attach-control-daemon)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --smart-attach-daemon)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --smart-attach-daemon2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --attach-daemon2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --print)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --iprint)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-freq)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-id)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-max-retry)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-retry-delay)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-root)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-hostname-dots)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --carbon-idle-avg)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-multiplier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-penalty)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-backlog-alert)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-backlog-multiplier)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-backlog-step)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cheaper-busyness-backlog-nonzero)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gevent)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --httprouter)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --https)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --https2)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http-to-https)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http-to)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http-keepalive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http-enable-proxy-protocol)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wsgi-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --eval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --module)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --wsgi)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --callable)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --home)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --virtualenv)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --venv)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pyhome)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pythonpath)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --python-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pymodule-alias)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --post-pymodule-alias)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pyimport)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --python-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shared-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shared-pyimport)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shared-py-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shared-python-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-pyimport)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-py-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-python-import)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pyargv)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --optimize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --paste)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ini-paste)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ini-paste-logged)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-tracebacker)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-auto-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-autoreload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --python-auto-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --python-autoreload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-auto-reload-ignore)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-executable)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --py-sys-executable)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rsyslog-packet-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --allow-unsupported)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --asgi)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --asgi-tasks)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --asyncio-loop)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --django-preload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-die-with)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --canary-for)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --canary-max-5xx)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --canary-max-slower)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --canary-min-requests)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --canary-share)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-start-concurrency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --forwarded-allow-ips)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep-previous)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-json)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --slow-request)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --loop-lag-warn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-surplus)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-boost)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --no-new-privs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --reload-watch)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rpc-allow-ips)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shutdown-delay)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-allow-ips)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-fsync)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-max-attempts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --signals-pile-up)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spooler-retry-delay)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-expect)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-reload)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --warmup-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --worker-id-exclusive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _uswgi__master -o nosort -o bashdefault -o default uswgi-master
else
    complete -F _uswgi__master -o bashdefault -o default uswgi-master
fi
