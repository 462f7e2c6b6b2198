# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_uswgi_ctl_global_optspecs
    string join \n p/pidfile= pid= ini= json q/quiet h/help V/version
end

function __fish_uswgi_ctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_uswgi_ctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_uswgi_ctl_using_subcommand
    set -l cmd (__fish_uswgi_ctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -s V -l version -d 'Print version'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "ping" -d 'Exit 0 when the instance takes requests'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "status" -d 'Show what the instance does'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "workers" -d 'Show a line for every worker, and what its threads do'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "metrics" -d 'Print all numbers in the OpenMetrics text format'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "list" -d 'List the running instances that may be looked at'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "reload" -d 'Replace the workers, without a gap, with ones of the new configuration and code'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "canary" -d 'End the canary that is under way, or show it beside the old generation'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "rollback" -d 'Go back to the generation before the last reload (keep-previous)'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "stop" -d 'Stop the instance; requests under way are finished'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "wait" -d 'Return when the instance is in a state'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "pause" -d 'Stop to accept connections; they wait in the sockets\' queues'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "resume" -d 'Accept connections again'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "top" -d 'Follow the instance on a screen; plain text where the output is no terminal'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "stack" -d 'Show where the Python threads of workers, spoolers and mules stand, also of stuck ones'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "profile" -d 'Look for some seconds where the time of requests goes, by route; draw a flame graph'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "slow" -d 'Show the slowest requests of the last minutes, and where their time went'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "advise" -d 'Look at the load for a minute, and say which numbers of the configuration do not fit it'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "scale" -d 'Change the number of workers: N, +N or -N'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "retire" -d 'Replace one worker: a successor accepts first, then it finishes what it has'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "logs" -d 'Open log files again, or rotate them'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "config" -d 'Show the settings that are in force'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "kill" -d 'Kill one worker process; the master starts another'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "emperor" -d 'Show the vassals of a running emperor, or look at, reload, stop or follow one of them'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "spool" -d 'Show the tasks of spool folders, and run, retry or drop some of them'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand ping" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand ping" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand ping" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand ping" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand ping" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand ping" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand status" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand status" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand status" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand status" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand status" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand workers" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand workers" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand workers" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand workers" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand workers" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand workers" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand metrics" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand metrics" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand metrics" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand metrics" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand metrics" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand metrics" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand list" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand list" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand list" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand list" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand list" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand list" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l share -d 'With --canary: share of the workers that are new, such as 10% (else canary-share)' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l for -d 'With --canary: how long both are compared, such as 60s or 5m (else canary-for)' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l max-5xx -d 'With --canary: percentage points of failed requests that it may have more, such as +1% (else canary-max-5xx)' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l max-slower -d 'With --canary: how many times as long its requests may take, such as 1.5x (else canary-max-slower)' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l min-requests -d 'With --canary: requests that it answers before it is judged (else canary-min-requests)' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l wait -d 'Return when the reload is over; exit 0 only when every worker is new'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l drain -d 'With --wait: until the old workers have ended too'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l canary -d 'Let some of the workers be new first, and go on only where they are not worse; waits as with --wait'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l no-wait -d 'With --canary: return at once'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand reload" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -l wait -d 'With promote and abort: return when the reload is over, and every worker is as it was to be'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand canary" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -l wait -d 'Return when the rollback is over; exit 0 only when every worker is of that generation'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -l drain -d 'With --wait: until the other workers have ended too'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand rollback" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -l wait -d 'Return when the instance has ended'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -l now -d 'Do not wait for requests'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stop" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -l generation -d 'Until every worker of generation N, or of a later one, accepts' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -l ready -d 'Until every worker of the newest generation accepts (the default)'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -l stopped -d 'Until the instance has ended'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand wait" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand pause" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand resume" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -s i -l interval -d 'Time between two looks' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -l sort -d 'What the rows are sorted by' -r -f -a "id\t''
cpu\t''
rate\t''
memory\t''
age\t''
requests\t''"
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -l filter -d 'Only rows with this text in them: a URI, an address, a state, a pid' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -l count -d 'Print so many looks as plain text, then end (1 where the output is no terminal)' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand top" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -s t -l timeout -d 'Longest wait for each process' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -l all -d 'Of every process: the default'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand stack" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -l worker -d 'Only this one, by its number' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -s s -l seconds -d 'How long' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -s r -l rate -d 'Looks a second' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -l by -d 'What a graph begins with: the route (method and path, identifiers folded), the worker, nothing' -r -f -a "route\t''
worker\t''
none\t''"
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -s o -l output -d 'Write FILE.svg (a flame graph), FILE.collapsed or FILE.speedscope.json, too' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand profile" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -l since -d 'Those that ended in the last SECONDS' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -s n -l count -d 'So many (20); with --follow: end after so many' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -s f -l follow -d 'Print each as it ends, until the instance does'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand slow" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -s s -l seconds -d 'How long' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand advise" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -l wait -d 'Return when so many accept and no other is left but those that finish requests'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand scale" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -l wait -d 'Return when its successor accepts'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand retire" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand logs" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand logs" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand logs" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand logs" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand logs" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand logs" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand config" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand config" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand config" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand config" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand config" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand config" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -s s -l signal -d 'Signal to send: a name (KILL, ABRT, SEGV...) or a number' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand kill" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -s n -l lines -d 'With tail: lines of the past that are shown first' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -l wait -d 'With reload and stop: return when it is over; exit 0 only when it is as it was to be'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -l drain -d 'With --wait: until the old workers have ended too'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -l past -d 'With tail: those alone; nothing is followed'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand emperor" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -l folder -d 'A spool folder, also without an instance (else those of the instance, or of --ini where it does not run). Repeatable' -r -f -a "(__fish_complete_directories)"
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -s t -l timeout -d 'Longest wait; 0: no limit' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -s p -l pidfile -d 'Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -l pid -d 'Pid of the instance\'s master' -r
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -l ini -d 'Configuration file whose pidfile names the instance' -r -F
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -l all -d 'Instead of names; run: all that wait; retry, drop: all that were put aside; show: all'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -l wait -d 'With run: return when they are done and gone'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -l json -d 'Print JSON'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -s q -l quiet -d 'Print nothing but errors'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand spool" -s h -l help -d 'Print help'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "ping" -d 'Exit 0 when the instance takes requests'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "status" -d 'Show what the instance does'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "workers" -d 'Show a line for every worker, and what its threads do'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "metrics" -d 'Print all numbers in the OpenMetrics text format'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "list" -d 'List the running instances that may be looked at'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "reload" -d 'Replace the workers, without a gap, with ones of the new configuration and code'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "canary" -d 'End the canary that is under way, or show it beside the old generation'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "rollback" -d 'Go back to the generation before the last reload (keep-previous)'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "stop" -d 'Stop the instance; requests under way are finished'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "wait" -d 'Return when the instance is in a state'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "pause" -d 'Stop to accept connections; they wait in the sockets\' queues'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "resume" -d 'Accept connections again'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "top" -d 'Follow the instance on a screen; plain text where the output is no terminal'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "stack" -d 'Show where the Python threads of workers, spoolers and mules stand, also of stuck ones'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "profile" -d 'Look for some seconds where the time of requests goes, by route; draw a flame graph'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "slow" -d 'Show the slowest requests of the last minutes, and where their time went'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "advise" -d 'Look at the load for a minute, and say which numbers of the configuration do not fit it'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "scale" -d 'Change the number of workers: N, +N or -N'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "retire" -d 'Replace one worker: a successor accepts first, then it finishes what it has'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "logs" -d 'Open log files again, or rotate them'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "config" -d 'Show the settings that are in force'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "kill" -d 'Kill one worker process; the master starts another'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "emperor" -d 'Show the vassals of a running emperor, or look at, reload, stop or follow one of them'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "spool" -d 'Show the tasks of spool folders, and run, retry or drop some of them'
complete -c uswgi-ctl -n "__fish_uswgi_ctl_using_subcommand help; and not __fish_seen_subcommand_from ping status workers metrics list reload canary rollback stop wait pause resume top stack profile slow advise scale retire logs config kill emperor spool help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
