complete -c uswgi-emperor -l glob -d 'Only files of the folders whose names fit, e.g. \'*.ini\'.' -r
complete -c uswgi-emperor -l daemonize -d 'Goes to the background and logs to this file.' -r -F
complete -c uswgi-emperor -l umask -d 'umask of all processes: three or four octal digits.' -r -F
complete -c uswgi-emperor -l emperor -d 'Runs one instance for each vassal\'s file: in a folder (FOLDER or dir://FOLDER), or that fits a pattern (glob://PATTERN, or a pattern or file alone). Repeatable.' -r -F
complete -c uswgi-emperor -l emperor-wrapper -d 'Program in the place of uswgi-master for vassals: it is given the same arguments, and has to become one.' -r -F
complete -c uswgi-emperor -l emperor-wrapper-override -d 'Program that is tried before it; the first that can be run counts. Repeatable.' -r -F
complete -c uswgi-emperor -l emperor-wrapper-fallback -d 'Program that is tried where that one cannot be run. Repeatable.' -r -F
complete -c uswgi-emperor -l emperor-freq -d 'Seconds between two scans at most, beside those after notices of the kernel.' -r -F
complete -c uswgi-emperor -l emperor-required-heartbeat -d 'Seconds after which a vassal with `heartbeat` that is not heard is killed and started again.' -r -F
complete -c uswgi-emperor -l emperor-pidfile -d 'File for the Emperor\'s pid.' -r -F
complete -c uswgi-emperor -l emperor-stats -d 'Address of the Emperor\'s statistics server: one JSON text a connection. Repeatable.' -r -F
complete -c uswgi-emperor -l emperor-stats-server -d 'Address of the Emperor\'s statistics server: one JSON text a connection. Repeatable.' -r -F
complete -c uswgi-emperor -l emperor-throttle -d 'Milliseconds before a vassal that failed is tried again, doubled each time; a touch of its file tries at once.' -r -F
complete -c uswgi-emperor -l emperor-max-throttle -d 'Milliseconds before a vassal that fails again and again is tried, at most.' -r -F
complete -c uswgi-emperor -l emperor-on-demand-extension -d 'Ending of the file beside a vassal\'s that holds an address: the Emperor listens there, and starts the vassal when somebody connects.' -r -F
complete -c uswgi-emperor -l emperor-on-demand-ext -d 'Ending of the file beside a vassal\'s that holds an address: the Emperor listens there, and starts the vassal when somebody connects.' -r -F
complete -c uswgi-emperor -l emperor-on-demand-directory -d 'The same for all vassals, at NAME.socket in this directory.' -r -F
complete -c uswgi-emperor -l emperor-on-demand-dir -d 'The same for all vassals, at NAME.socket in this directory.' -r -F
complete -c uswgi-emperor -l emperor-on-demand-exec -d 'Command whose first line of output is the address at which a vassal is waited for; the vassal\'s name is its last argument, and no output starts it at once.' -r -F
complete -c uswgi-emperor -l emperor-extra-extension -d 'Ending of vassals\' names beside .ini, .xml, .yml, .yaml, .json and .js; the file is read as ini. Repeatable.' -r -F
complete -c uswgi-emperor -l emperor-extra-ext -d 'Ending of vassals\' names beside .ini, .xml, .yml, .yaml, .json and .js; the file is read as ini. Repeatable.' -r -F
complete -c uswgi-emperor -l vassals-inherit -d 'File that each vassal inherits after its own. Repeatable.' -r -F
complete -c uswgi-emperor -l vassals-include -d 'File that each vassal includes after its own. Repeatable.' -r -F
complete -c uswgi-emperor -l vassals-inherit-before -d 'File that each vassal inherits before its own. Repeatable.' -r -F
complete -c uswgi-emperor -l vassals-include-before -d 'File that each vassal includes before its own. Repeatable.' -r -F
complete -c uswgi-emperor -l vassals-start-hook -d 'Program that runs before a vassal starts, with its name as argument.' -r -F
complete -c uswgi-emperor -l vassals-stop-hook -d 'Program that runs after a vassal has ended, with its name as argument.' -r -F
complete -c uswgi-emperor -l vassals-set -d 'NAME=VALUE that is set for each vassal, before its own file. Repeatable.' -r -F
complete -c uswgi-emperor -l vassal-set -d 'NAME=VALUE that is set for each vassal, before its own file. Repeatable.' -r -F
complete -c uswgi-emperor -l pidfile -d 'File for the master\'s pid, written before privileges are dropped.' -r -F
complete -c uswgi-emperor -l pidfile2 -d 'File for the master\'s pid, written after privileges were dropped.' -r -F
complete -c uswgi-emperor -l safe-pidfile -d 'File for the master\'s pid, written when the instance serves.' -r -F
complete -c uswgi-emperor -l uid -d 'User to become, by name or number.' -r -F
complete -c uswgi-emperor -l gid -d 'Group to become, by name or number.' -r -F
complete -c uswgi-emperor -l add-gid -d 'Supplementary group to add. Repeatable.' -r -F
complete -c uswgi-emperor -l hook-emperor-start -d 'Runs in the Emperor before it looks at its vassals; a failure ends its start. Repeatable.' -r -F
complete -c uswgi-emperor -l hook-as-vassal -d 'Runs in a vassal\'s process before it is one, after vassals-start-hook; a failure fails the vassal. Repeatable.' -r -F
complete -c uswgi-emperor -l hook-as-emperor -d 'Runs beside the Emperor when a vassal starts, with UWSGI_VASSAL_CONFIG, _PID, _UID and _GID in its environment; a failure is logged. Repeatable.' -r -F
complete -c uswgi-emperor -l exec-as-vassal -d 'Runs in a vassal\'s process before it is one, after vassals-start-hook; a failure fails the vassal. Repeatable.' -r -F
complete -c uswgi-emperor -l exec-as-emperor -d 'Runs beside the Emperor when a vassal starts, with UWSGI_VASSAL_CONFIG, _PID, _UID and _GID in its environment; a failure is logged. Repeatable.' -r -F
complete -c uswgi-emperor -l logto -d 'Log file.' -r -F
complete -c uswgi-emperor -l logto2 -d 'Log file opened after privileges were dropped.' -r -F
complete -c uswgi-emperor -l emperor-die-with -d 'What becomes of the vassals of an Emperor that is killed: stop, or nothing.' -r -F
complete -c uswgi-emperor -l emperor-start-concurrency -d 'Vassals that an Emperor starts at a time.' -r -F
complete -c uswgi-emperor -l emperor-nofollow -d 'The time of a symbolic link counts as a touch of a vassal, and not that of the file that it leads to.'
complete -c uswgi-emperor -l emperor-tyrant -d 'Each vassal becomes the user and group of its file; root\'s files, and those that anybody can write to, are refused. The Emperor stays root.'
complete -c uswgi-emperor -l emperor-tyrant-nofollow -d 'The owner of a symbolic link counts, and not that of the file that it leads to.'
complete -c uswgi-emperor -l emperor-no-blacklist -d 'A vassal that fails is tried again every 3 s (or emperor-freq), without longer waits, as with emperor-throttle = 0.'
complete -c uswgi-emperor -l log-date -d 'Puts the date in front of messages: true, or a format of strftime. Request lines have their own time.'
complete -c uswgi-emperor -s h -l help -d 'Print help'
complete -c uswgi-emperor -s V -l version -d 'Print version'
