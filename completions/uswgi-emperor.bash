_uswgi__emperor() {
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
                cmd="uswgi__emperor"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        uswgi__emperor)
            opts="-h -V --glob --daemonize --umask --emperor --emperor-wrapper --emperor-wrapper-override --emperor-wrapper-fallback --emperor-nofollow --emperor-freq --emperor-required-heartbeat --emperor-pidfile --emperor-tyrant --emperor-tyrant-nofollow --emperor-stats --emperor-stats-server --emperor-throttle --emperor-max-throttle --emperor-on-demand-extension --emperor-on-demand-ext --emperor-on-demand-directory --emperor-on-demand-dir --emperor-on-demand-exec --emperor-extra-extension --emperor-extra-ext --emperor-no-blacklist --vassals-inherit --vassals-include --vassals-inherit-before --vassals-include-before --vassals-start-hook --vassals-stop-hook --vassals-set --vassal-set --pidfile --pidfile2 --safe-pidfile --uid --gid --add-gid --hook-emperor-start --hook-as-vassal --hook-as-emperor --exec-as-vassal --exec-as-emperor --logto --logto2 --log-date --emperor-die-with --emperor-start-concurrency --help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --glob)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --daemonize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --umask)
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
                --exec-as-vassal)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exec-as-emperor)
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
                --emperor-die-with)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --emperor-start-concurrency)
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
    complete -F _uswgi__emperor -o nosort -o bashdefault -o default uswgi-emperor
else
    complete -F _uswgi__emperor -o bashdefault -o default uswgi-emperor
fi
