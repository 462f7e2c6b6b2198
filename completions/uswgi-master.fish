complete -c uswgi-master -l socket -d 'Listens for the uwsgi protocol: host:port, :port, [v6]:port, a path, @abstract or fd://N. Repeatable. `socket` follows `protocol`.' -r -F
complete -c uswgi-master -l uwsgi-socket -d 'Listens for the uwsgi protocol: host:port, :port, [v6]:port, a path, @abstract or fd://N. Repeatable. `socket` follows `protocol`.' -r -F
complete -c uswgi-master -l http-socket -d 'Listens for HTTP/1.1. Repeatable.' -r -F
complete -c uswgi-master -l http11-socket -d 'The same as http-socket: persistent connections are always on.' -r -F
complete -c uswgi-master -l https-socket -d 'The same as https. Repeatable.' -r -F
complete -c uswgi-master -l fastcgi-socket -d 'Listens for FastCGI, as nginx\'s fastcgi_pass, Apache\'s mod_proxy_fcgi and lighttpd speak it. Repeatable.' -r -F
complete -c uswgi-master -l fastcgi-nph-socket -d 'The same, with a status line in front of the answer. Repeatable.' -r -F
complete -c uswgi-master -l scgi-socket -d 'Listens for SCGI, as nginx\'s scgi_pass, lighttpd and Apache speak it. Repeatable.' -r -F
complete -c uswgi-master -l scgi-nph-socket -d 'The same, with a status line in front of the answer. Repeatable.' -r -F
complete -c uswgi-master -l protocol -d 'What is spoken on `socket`: uwsgi, http, scgi, scgi-nph, fastcgi or fastcgi-nph.' -r -F
complete -c uswgi-master -l socket-protocol -d 'What is spoken on `socket`: uwsgi, http, scgi, scgi-nph, fastcgi or fastcgi-nph.' -r -F
complete -c uswgi-master -l shared-socket -d 'An address that `socket = =N` and its like mean by its number, from 0; a unix socket is made with the rights of the start. Repeatable.' -r -F
complete -c uswgi-master -l undeferred-shared-socket -d 'An address that `socket = =N` and its like mean by its number, from 0; a unix socket is made with the rights of the start. Repeatable.' -r -F
complete -c uswgi-master -l processes -d 'Number of workers; `auto`: as many as CPUs.' -r -F
complete -c uswgi-master -l workers -d 'Number of workers; `auto`: as many as CPUs.' -r -F
complete -c uswgi-master -l harakiri -d 'Seconds a request may run before it is answered with 504 and interrupted.' -r -F
complete -c uswgi-master -l harakiri-graceful-timeout -d 'Seconds an interrupted request may take to come out before its worker is replaced.' -r -F
complete -c uswgi-master -l harakiri-graceful-signal -d 'Signal that a worker sends itself when a request meets its harakiri, if the app has a handler for it; the request is interrupted in any case.' -r -F
complete -c uswgi-master -l harakiri-queue-threshold -d 'Connections that may wait at a socket while a late request runs on; harakiri comes when more do.' -r -F
complete -c uswgi-master -l mule-harakiri -d 'Seconds a message may take before its mule is killed.' -r -F
complete -c uswgi-master -l xmlconfig -d 'Reads an XML file. Repeatable.' -r -F
complete -c uswgi-master -l xml -d 'Reads an XML file. Repeatable.' -r -F
complete -c uswgi-master -l config -d 'Reads a file of whichever kind its name\'s end says. Repeatable.' -r -F
complete -c uswgi-master -l fallback-config -d 'Configuration that is started in the place of an instance that ends with exit code 1: one that cannot start, as a rule.' -r -F
complete -c uswgi-master -l set -d 'name=value: as a line of its own. Repeatable.' -r -F
complete -c uswgi-master -l set-placeholder -d 'name=value: a placeholder for %(name), which strict does not complain of. Repeatable.' -r -F
complete -c uswgi-master -l set-ph -d 'name=value: a placeholder for %(name), which strict does not complain of. Repeatable.' -r -F
complete -c uswgi-master -l get -d 'Prints the value of an option and ends.' -r -F
complete -c uswgi-master -l declare-option -d 'name=option=value;option=value with $1, $2...: a new option that stands for these. Repeatable.' -r -F
complete -c uswgi-master -l declare-option2 -d 'As declare-option. Repeatable.' -r -F
complete -c uswgi-master -l resolve -d 'name=host: a placeholder with the address of the host. Repeatable.' -r -F
complete -c uswgi-master -l for -d 'For each word: the lines up to endfor, with the word as %(_).' -r -F
complete -c uswgi-master -l for-glob -d 'For each file that a pattern finds: the lines up to endfor, with its path as %(_).' -r -F
complete -c uswgi-master -l for-times -d 'For 1 to N: the lines up to endfor, with the number as %(_).' -r -F
complete -c uswgi-master -l for-readline -d 'For each line of a file: the lines up to endfor, with that line as %(_).' -r -F
complete -c uswgi-master -l endfor -d 'Ends a for block.' -r -F
complete -c uswgi-master -l end-for -d 'Ends a for block.' -r -F
complete -c uswgi-master -l if-opt -d 'The lines up to endif only when an option is set (NAME) or has a value (NAME=VALUE); if-not-opt: unless.' -r -F
complete -c uswgi-master -l if-not-opt -d 'The lines up to endif only when an option is set (NAME) or has a value (NAME=VALUE); if-not-opt: unless.' -r -F
complete -c uswgi-master -l if-env -d 'The lines up to endif only when a variable of the environment is set (NAME) or has a value (NAME=VALUE); if-not-env: unless.' -r -F
complete -c uswgi-master -l if-not-env -d 'The lines up to endif only when a variable of the environment is set (NAME) or has a value (NAME=VALUE); if-not-env: unless.' -r -F
complete -c uswgi-master -l ifenv -d 'The lines up to endif only when a variable of the environment is set (NAME) or has a value (NAME=VALUE); if-not-env: unless.' -r -F
complete -c uswgi-master -l if-hostname -d 'The lines up to endif only on the machine of this name; if-not-hostname: on all others.' -r -F
complete -c uswgi-master -l if-not-hostname -d 'The lines up to endif only on the machine of this name; if-not-hostname: on all others.' -r -F
complete -c uswgi-master -l if-hostname-match -d 'Never true, and its negation always, as on uWSGI\'s usual builds: use if-hostname.' -r -F
complete -c uswgi-master -l if-not-hostname-match -d 'Never true, and its negation always, as on uWSGI\'s usual builds: use if-hostname.' -r -F
complete -c uswgi-master -l if-exists -d 'The lines up to endif only when the path exists; if-not-exists: unless.' -r -F
complete -c uswgi-master -l if-not-exists -d 'The lines up to endif only when the path exists; if-not-exists: unless.' -r -F
complete -c uswgi-master -l ifexists -d 'The lines up to endif only when the path exists; if-not-exists: unless.' -r -F
complete -c uswgi-master -l if-plugin -d 'The lines up to endif only when the plugin is there (python, http and logging are); if-not-plugin: unless.' -r -F
complete -c uswgi-master -l if-not-plugin -d 'The lines up to endif only when the plugin is there (python, http and logging are); if-not-plugin: unless.' -r -F
complete -c uswgi-master -l ifplugin -d 'The lines up to endif only when the plugin is there (python, http and logging are); if-not-plugin: unless.' -r -F
complete -c uswgi-master -l if-file -d 'The lines up to endif only when the path is a file; if-not-file: unless.' -r -F
complete -c uswgi-master -l if-not-file -d 'The lines up to endif only when the path is a file; if-not-file: unless.' -r -F
complete -c uswgi-master -l if-dir -d 'The lines up to endif only when the path is a directory; if-not-dir: unless.' -r -F
complete -c uswgi-master -l if-not-dir -d 'The lines up to endif only when the path is a directory; if-not-dir: unless.' -r -F
complete -c uswgi-master -l ifdir -d 'The lines up to endif only when the path is a directory; if-not-dir: unless.' -r -F
complete -c uswgi-master -l if-directory -d 'The lines up to endif only when the path is a directory; if-not-dir: unless.' -r -F
complete -c uswgi-master -l endif -d 'Ends an if block.' -r -F
complete -c uswgi-master -l end-if -d 'Ends an if block.' -r -F
complete -c uswgi-master -l blacklist -d 'Names, separated by spaces, that are an error up to end-blacklist.' -r -F
complete -c uswgi-master -l whitelist -d 'Names, separated by spaces: all others are an error up to end-whitelist.' -r -F
complete -c uswgi-master -l inherit -d 'Reads another file: include at this place, inherit after all others, so that its values win. Repeatable.' -r -F
complete -c uswgi-master -l include -d 'Reads another file here, of whichever kind its name\'s end says. Repeatable.' -r -F
complete -c uswgi-master -l inject-before -d 'Reads a text as if it stood in front of (or behind) each file that is read from here on. Repeatable.' -r -F
complete -c uswgi-master -l inject-after -d 'Reads a text as if it stood in front of (or behind) each file that is read from here on. Repeatable.' -r -F
complete -c uswgi-master -l daemonize -d 'Goes to the background and logs to this file.' -r -F
complete -c uswgi-master -l daemonize2 -d 'The same after the app was loaded.' -r -F
complete -c uswgi-master -l stop -d 'Stops the instance of a pidfile and ends; on the command line only.' -r -F
complete -c uswgi-master -l reload -d 'Reloads the instance of a pidfile and ends; on the command line only. `uswgi-ctl --pidfile FILE reload --wait` tells how it went.' -r -F
complete -c uswgi-master -l pause -d 'The instance of a pidfile accepts no connections; on the command line only.' -r -F
complete -c uswgi-master -l suspend -d 'The instance of a pidfile accepts no connections; on the command line only.' -r -F
complete -c uswgi-master -l resume -d 'The instance of a pidfile accepts connections again; on the command line only.' -r -F
complete -c uswgi-master -l connect-and-read -d 'Prints to standard error what an address (host:port, a path, @abstract) sends, as a stats server does, and ends; on the command line only.' -r -F
complete -c uswgi-master -l extract -d 'Prints a file, or what exec:// or http:// gives, and ends; on the command line only.' -r -F
complete -c uswgi-master -l listen -d 'Length of the queue of every socket.' -r -F
complete -c uswgi-master -l max-vars -d 'Half the number of variables that a request may have, as on uWSGI.' -r -F
complete -c uswgi-master -l buffer-size -d 'Largest request head in bytes; a larger one gets an error and a log line.' -r -F
complete -c uswgi-master -l chmod-socket -d 'Mode of unix sockets: three octal digits; without a value 666.' -r -F
complete -c uswgi-master -l chmod -d 'Mode of unix sockets: three octal digits; without a value 666.' -r -F
complete -c uswgi-master -l chown-socket -d 'Owner of unix sockets: user or user:group.' -r -F
complete -c uswgi-master -l umask -d 'umask of all processes: three or four octal digits.' -r -F
complete -c uswgi-master -l map-socket -d 'N:WORKER[,WORKER...]: on socket N, counted from 0, these workers alone accept. Repeatable.' -r -F
complete -c uswgi-master -l procname-prefix -d 'Text in front of every process title.' -r -F
complete -c uswgi-master -l procname-prefix-spaced -d 'Text in front of every process title.' -r -F
complete -c uswgi-master -l need-app -d 'Fails the start when the app does not load; false: serves errors instead, until a reload brings an app that does.' -r -F
complete -c uswgi-master -l emperor -d 'Runs one instance for each vassal\'s file: in a folder (FOLDER or dir://FOLDER), or that fits a pattern (glob://PATTERN, or a pattern or file alone). Repeatable.' -r -F
complete -c uswgi-master -l emperor-wrapper -d 'Program in the place of uswgi-master for vassals: it is given the same arguments, and has to become one.' -r -F
complete -c uswgi-master -l emperor-wrapper-override -d 'Program that is tried before it; the first that can be run counts. Repeatable.' -r -F
complete -c uswgi-master -l emperor-wrapper-fallback -d 'Program that is tried where that one cannot be run. Repeatable.' -r -F
complete -c uswgi-master -l emperor-freq -d 'Seconds between two scans at most, beside those after notices of the kernel.' -r -F
complete -c uswgi-master -l emperor-required-heartbeat -d 'Seconds after which a vassal with `heartbeat` that is not heard is killed and started again.' -r -F
complete -c uswgi-master -l emperor-pidfile -d 'File for the Emperor\'s pid.' -r -F
complete -c uswgi-master -l emperor-stats -d 'Address of the Emperor\'s statistics server: one JSON text a connection. Repeatable.' -r -F
complete -c uswgi-master -l emperor-stats-server -d 'Address of the Emperor\'s statistics server: one JSON text a connection. Repeatable.' -r -F
complete -c uswgi-master -l emperor-throttle -d 'Milliseconds before a vassal that failed is tried again, doubled each time; a touch of its file tries at once.' -r -F
complete -c uswgi-master -l emperor-max-throttle -d 'Milliseconds before a vassal that fails again and again is tried, at most.' -r -F
complete -c uswgi-master -l emperor-on-demand-extension -d 'Ending of the file beside a vassal\'s that holds an address: the Emperor listens there, and starts the vassal when somebody connects.' -r -F
complete -c uswgi-master -l emperor-on-demand-ext -d 'Ending of the file beside a vassal\'s that holds an address: the Emperor listens there, and starts the vassal when somebody connects.' -r -F
complete -c uswgi-master -l emperor-on-demand-directory -d 'The same for all vassals, at NAME.socket in this directory.' -r -F
complete -c uswgi-master -l emperor-on-demand-dir -d 'The same for all vassals, at NAME.socket in this directory.' -r -F
complete -c uswgi-master -l emperor-on-demand-exec -d 'Command whose first line of output is the address at which a vassal is waited for; the vassal\'s name is its last argument, and no output starts it at once.' -r -F
complete -c uswgi-master -l emperor-extra-extension -d 'Ending of vassals\' names beside .ini, .xml, .yml, .yaml, .json and .js; the file is read as ini. Repeatable.' -r -F
complete -c uswgi-master -l emperor-extra-ext -d 'Ending of vassals\' names beside .ini, .xml, .yml, .yaml, .json and .js; the file is read as ini. Repeatable.' -r -F
complete -c uswgi-master -l vassals-inherit -d 'File that each vassal inherits after its own. Repeatable.' -r -F
complete -c uswgi-master -l vassals-include -d 'File that each vassal includes after its own. Repeatable.' -r -F
complete -c uswgi-master -l vassals-inherit-before -d 'File that each vassal inherits before its own. Repeatable.' -r -F
complete -c uswgi-master -l vassals-include-before -d 'File that each vassal includes before its own. Repeatable.' -r -F
complete -c uswgi-master -l vassals-start-hook -d 'Program that runs before a vassal starts, with its name as argument.' -r -F
complete -c uswgi-master -l vassals-stop-hook -d 'Program that runs after a vassal has ended, with its name as argument.' -r -F
complete -c uswgi-master -l vassals-set -d 'NAME=VALUE that is set for each vassal, before its own file. Repeatable.' -r -F
complete -c uswgi-master -l vassal-set -d 'NAME=VALUE that is set for each vassal, before its own file. Repeatable.' -r -F
complete -c uswgi-master -l heartbeat -d 'Seconds between two signs of life of an instance to its Emperor; there is none while no worker answers.' -r -F
complete -c uswgi-master -l reload-mercy -d 'Seconds a busy worker may finish its requests on reload or stop, at least 1.' -r -F
complete -c uswgi-master -l worker-reload-mercy -d 'As reload-mercy; wins where both are given.' -r -F
complete -c uswgi-master -l mule-reload-mercy -d 'Seconds a mule or spooler may finish its message or task on reload or stop, at least 1.' -r -F
complete -c uswgi-master -l max-requests -d 'Replaces a worker after this many requests; its successor is ready first.' -r -F
complete -c uswgi-master -l max-requests-delta -d 'Spreads max-requests over the workers.' -r -F
complete -c uswgi-master -l min-worker-lifetime -d 'Seconds a worker lives before a limit may replace it.' -r -F
complete -c uswgi-master -l max-worker-lifetime -d 'Seconds after which a worker is replaced.' -r -F
complete -c uswgi-master -l max-worker-lifetime-delta -d 'Added to max-worker-lifetime for each worker number.' -r -F
complete -c uswgi-master -l socket-timeout -d 'Seconds a client may make no progress; HTTP clients only without http-timeout.' -r -F
complete -c uswgi-master -l locks -d 'Locks for uwsgi.lock(N) beside lock 0, which is always there.' -r -F
complete -c uswgi-master -l sharedarea -d 'Pages of 4096 bytes that all processes share, for uwsgi.sharedarea_*; or pages=N, or size=BYTES. It survives reloads. Repeatable; the first one has number 0.' -r -F
complete -c uswgi-master -l cache -d 'Items of a cache named `default`; the older form of cache2.' -r -F
complete -c uswgi-master -l cache-blocksize -d 'Bytes of a block of the cache that `cache` makes.' -r -F
complete -c uswgi-master -l add-cache-item -d '[CACHE ]NAME=VALUE: an item that a cache holds from the start on. Repeatable.' -r -F
complete -c uswgi-master -l load-file-in-cache -d '[CACHE ]FILE: the content of a file, by its name as it is written; compressed by gzip or not. Repeatable.' -r -F
complete -c uswgi-master -l load-file-in-cache-gzip -d '[CACHE ]FILE: the content of a file, by its name as it is written; compressed by gzip or not. Repeatable.' -r -F
complete -c uswgi-master -l cache2 -d 'A cache that all workers share, for uwsgi.cache_*: name=NAME,items=N, and blocksize, blocks, hashsize, keysize, bitmap, purge_lru, clear_on_full, no_expire, math_initial. It survives reloads. Repeatable; the first one is the default.' -r -F
complete -c uswgi-master -l queue -d 'Blocks of a queue that all processes share, for uwsgi.queue_*. It survives reloads.' -r -F
complete -c uswgi-master -l queue-blocksize -d 'Bytes of a block of the queue; a message has at most 16 less.' -r -F
complete -c uswgi-master -l spooler -d 'Folder of tasks that uwsgi.spool writes and processes of its own run; made when it is not there. Repeatable.' -r -F
complete -c uswgi-master -l spooler-external -d 'A folder of tasks that another instance runs. Repeatable.' -r -F
complete -c uswgi-master -l spooler-chdir -d 'Working directory of spooler processes.' -r -F
complete -c uswgi-master -l spooler-processes -d 'Processes for each spooler folder.' -r -F
complete -c uswgi-master -l spooler-max-tasks -d 'Tasks after which a spooler process makes room for another one.' -r -F
complete -c uswgi-master -l spooler-harakiri -d 'Seconds a task may run before its process is killed; the task runs again.' -r -F
complete -c uswgi-master -l spooler-frequency -d 'Seconds between two looks at a spooler folder; a new task is seen at once.' -r -F
complete -c uswgi-master -l spooler-freq -d 'Seconds between two looks at a spooler folder; a new task is seen at once.' -r -F
complete -c uswgi-master -l mule -d 'A process beside the workers that runs a script (a Python file, or package.module:function), or waits for messages. Repeatable.' -r -F
complete -c uswgi-master -l mules -d 'So many mules that wait for messages.' -r -F
complete -c uswgi-master -l farm -d 'NAME:MULE[,MULE...]: mules that share a queue of messages. Repeatable.' -r -F
complete -c uswgi-master -l mule-msg-size -d 'Bytes of a message that a mule takes at most.' -r -F
complete -c uswgi-master -l signal -d 'ADDRESS,NUMBER: raises a signal of the application (uwsgi.register_signal) of the instance with this uwsgi socket, and ends; on the command line only.' -r -F
complete -c uswgi-master -l signal-timer -d 'SIGNAL SECONDS: raises a signal of the application (uwsgi.register_signal) every so often. Repeatable.' -r -F
complete -c uswgi-master -l timer -d 'SIGNAL SECONDS: raises a signal of the application (uwsgi.register_signal) every so often. Repeatable.' -r -F
complete -c uswgi-master -l signal-rbtimer -d 'As signal-timer. Repeatable.' -r -F
complete -c uswgi-master -l rbtimer -d 'As signal-timer. Repeatable.' -r -F
complete -c uswgi-master -l rpc-max -d 'Most functions of uwsgi.register_rpc.' -r -F
complete -c uswgi-master -l flock -d 'File that is locked as long as the instance runs, so that a second one does not start; with -wait it waits. Those with a 2 are locked when the log is open.' -r -F
complete -c uswgi-master -l flock-wait -d 'File that is locked as long as the instance runs, so that a second one does not start; with -wait it waits. Those with a 2 are locked when the log is open.' -r -F
complete -c uswgi-master -l flock2 -d 'File that is locked as long as the instance runs, so that a second one does not start; with -wait it waits. Those with a 2 are locked when the log is open.' -r -F
complete -c uswgi-master -l flock-wait2 -d 'File that is locked as long as the instance runs, so that a second one does not start; with -wait it waits. Those with a 2 are locked when the log is open.' -r -F
complete -c uswgi-master -l pidfile -d 'File for the master\'s pid, written before privileges are dropped.' -r -F
complete -c uswgi-master -l pidfile2 -d 'File for the master\'s pid, written after privileges were dropped.' -r -F
complete -c uswgi-master -l safe-pidfile -d 'File for the master\'s pid, written when the instance serves.' -r -F
complete -c uswgi-master -l safe-pidfile2 -d 'The same, made after privileges were dropped.' -r -F
complete -c uswgi-master -l chroot -d 'Directory that becomes the root, as a jail, before privileges are dropped; Python, the app and uswgi-worker are looked for inside.' -r -F
complete -c uswgi-master -l uid -d 'User to become, by name or number.' -r -F
complete -c uswgi-master -l gid -d 'Group to become, by name or number.' -r -F
complete -c uswgi-master -l add-gid -d 'Supplementary group to add. Repeatable.' -r -F
complete -c uswgi-master -l immediate-uid -d 'User to become before anything else is done: before the sockets and pidfiles are made.' -r -F
complete -c uswgi-master -l immediate-gid -d 'Group to become before anything else is done.' -r -F
complete -c uswgi-master -l hook-asap -d 'Runs before anything else, and again with every reload; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l hook-pre-jail -d 'Runs before the sockets are made and before chroot, outside of the jail; a failure ends the start. Repeatable.' -r -F
complete -c uswgi-master -l hook-in-jail -d 'Runs before the sockets are made and before chroot, outside of the jail; a failure ends the start. Repeatable.' -r -F
complete -c uswgi-master -l hook-as-root -d 'Runs as root, before privileges are dropped, and again with every reload of a master that is root still; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l hook-as-user -d 'Runs after privileges were dropped, and again with every reload; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l hook-as-user-atexit -d 'Runs when the instance has ended; a failure is logged. Repeatable.' -r -F
complete -c uswgi-master -l hook-pre-app -d 'Runs in the process that loads the app, before it does; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l hook-post-app -d 'Runs in the process that loads the app, after it did; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l hook-post-fork -d 'Runs in each worker before it serves; a failure ends the worker. Repeatable.' -r -F
complete -c uswgi-master -l hook-accepting -d 'Runs in each worker when it is about to accept; a failure ends the worker. Repeatable.' -r -F
complete -c uswgi-master -l hook-accepting1 -d 'Runs in the first worker when it is about to accept; a failure ends the worker. Repeatable.' -r -F
complete -c uswgi-master -l hook-accepting-once -d 'As hook-accepting, in a worker that takes the place of one that died or was recycled too; uWSGI runs it once for each worker number and start. Repeatable.' -r -F
complete -c uswgi-master -l hook-accepting1-once -d 'As hook-accepting1, in each process that is the first worker; uWSGI runs it once for each start. Repeatable.' -r -F
complete -c uswgi-master -l hook-master-start -d 'Runs before the first process starts. unix_signal:15 gracefully_kill_them_all makes TERM stop gracefully. Repeatable.' -r -F
complete -c uswgi-master -l hook-touch -d 'FILE ACTION:ARGUMENTS: as touch-exec, with the actions of the other hooks. Repeatable.' -r -F
complete -c uswgi-master -l hook-emperor-start -d 'Runs in the Emperor before it looks at its vassals; a failure ends its start. Repeatable.' -r -F
complete -c uswgi-master -l hook-as-vassal -d 'Runs in a vassal\'s process before it is one, after vassals-start-hook; a failure fails the vassal. Repeatable.' -r -F
complete -c uswgi-master -l hook-as-emperor -d 'Runs beside the Emperor when a vassal starts, with UWSGI_VASSAL_CONFIG, _PID, _UID and _GID in its environment; a failure is logged. Repeatable.' -r -F
complete -c uswgi-master -l exec-asap -d 'Runs before anything else, and again with every reload; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l exec-pre-jail -d 'Runs before the sockets are made and before chroot, outside of the jail; a failure ends the start. Repeatable.' -r -F
complete -c uswgi-master -l exec-in-jail -d 'Runs before the sockets are made and before chroot, outside of the jail; a failure ends the start. Repeatable.' -r -F
complete -c uswgi-master -l exec-as-root -d 'Runs as root, before privileges are dropped, and again with every reload of a master that is root still; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l exec-as-user -d 'Runs after privileges were dropped, and again with every reload; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l exec-as-user-atexit -d 'Runs when the instance has ended; a failure is logged. Repeatable.' -r -F
complete -c uswgi-master -l exec-pre-app -d 'Runs in the process that loads the app, before it does; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l exec-post-app -d 'Runs in the process that loads the app, after it did; a failure ends the start or the reload. Repeatable.' -r -F
complete -c uswgi-master -l exec-as-vassal -d 'Runs in a vassal\'s process before it is one, after vassals-start-hook; a failure fails the vassal. Repeatable.' -r -F
complete -c uswgi-master -l exec-as-emperor -d 'Runs beside the Emperor when a vassal starts, with UWSGI_VASSAL_CONFIG, _PID, _UID and _GID in its environment; a failure is logged. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-interface -d 'Network interface that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-interface-timeout -d 'Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets.' -r -F
complete -c uswgi-master -l wait-interface -d 'Network interface that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-interface-timeout -d 'Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets.' -r -F
complete -c uswgi-master -l wait-for-iface -d 'Network interface that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-iface-timeout -d 'Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets.' -r -F
complete -c uswgi-master -l wait-iface -d 'Network interface that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-iface-timeout -d 'Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets.' -r -F
complete -c uswgi-master -l wait-for-fs -d 'Path that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-file -d 'Path that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-dir -d 'Path that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-mountpoint -d 'Path that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-fs-timeout -d 'Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets.' -r -F
complete -c uswgi-master -l wait-for-socket -d 'Path that the start waits for. Repeatable.' -r -F
complete -c uswgi-master -l wait-for-socket-timeout -d 'Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets.' -r -F
complete -c uswgi-master -l ini -d 'Reads an ini file: FILE, FILE:SECTION, http://, exec:// and fd:// too, or - for standard input. Repeatable.' -r -F
complete -c uswgi-master -l yaml -d 'Reads a YAML file. Repeatable.' -r -F
complete -c uswgi-master -l yml -d 'Reads a YAML file. Repeatable.' -r -F
complete -c uswgi-master -l json -d 'Reads a JSON file. Repeatable.' -r -F
complete -c uswgi-master -l js -d 'Reads a JSON file. Repeatable.' -r -F
complete -c uswgi-master -l socket-sndbuf -d 'Bytes of the send buffer of connections.' -r -F
complete -c uswgi-master -l socket-rcvbuf -d 'Bytes of the receive buffer of connections.' -r -F
complete -c uswgi-master -l limit-as -d 'Address space of each worker in MiB.' -r -F
complete -c uswgi-master -l limit-nproc -d 'Processes of the user.' -r -F
complete -c uswgi-master -l reload-on-as -d 'Replaces a worker whose address space passes this many MiB.' -r -F
complete -c uswgi-master -l reload-on-rss -d 'Replaces a worker whose resident memory passes this many MiB.' -r -F
complete -c uswgi-master -l evil-reload-on-as -d 'Kills a worker whose address space passes this many MiB, its requests with it.' -r -F
complete -c uswgi-master -l evil-reload-on-rss -d 'Kills a worker whose resident memory passes this many MiB, its requests with it.' -r -F
complete -c uswgi-master -l touch-reload -d 'File whose change reloads: the configuration is read and the app imported again. Its removal does not. Repeatable.' -r -F
complete -c uswgi-master -l touch-workers-reload -d 'File whose change replaces the workers one by one; the app is imported again with lazy-apps only, the configuration is not read. Repeatable.' -r -F
complete -c uswgi-master -l touch-mules-reload -d 'File whose change replaces the mules. Repeatable.' -r -F
complete -c uswgi-master -l touch-spoolers-reload -d 'File whose change replaces the spoolers. Repeatable.' -r -F
complete -c uswgi-master -l touch-chain-reload -d 'File whose change replaces the workers one by one; the app is imported again with lazy-apps only, the configuration is not read. Repeatable.' -r -F
complete -c uswgi-master -l touch-logrotate -d 'File whose change rotates the log. Repeatable.' -r -F
complete -c uswgi-master -l touch-logreopen -d 'File whose change opens the log file again, after logrotate has moved it. Repeatable.' -r -F
complete -c uswgi-master -l touch-exec -d 'FILE COMMAND: runs when the file is touched, beside the instance; a failure is logged. Its removal does not count, and a touch meanwhile runs it once more afterwards. Repeatable; what one file has runs in order.' -r -F
complete -c uswgi-master -l touch-signal -d 'FILE SIGNAL: raises a signal of the application when the file, or what is in the folder, is written or replaced. Repeatable.' -r -F
complete -c uswgi-master -l fs-reload -d 'As touch-reload, and of a folder of the file system a name in it that comes, goes or is replaced counts. Workers finish their requests in both. Repeatable.' -r -F
complete -c uswgi-master -l fs-brutal-reload -d 'As touch-reload, and of a folder of the file system a name in it that comes, goes or is replaced counts. Workers finish their requests in both. Repeatable.' -r -F
complete -c uswgi-master -l fs-signal -d 'As touch-signal. Repeatable.' -r -F
complete -c uswgi-master -l limit-post -d 'Largest request body in bytes.' -r -F
complete -c uswgi-master -l prio -d 'Nice value of all processes, from -20 to 19.' -r -F
complete -c uswgi-master -l cpu-affinity -d 'CPUs that each worker is bound to: the next so many for each worker number.' -r -F
complete -c uswgi-master -l post-buffering -d 'Bodies above this many bytes go to disk before the app runs.' -r -F
complete -c uswgi-master -l reload-on-exception-type -d 'Class of an exception after which a worker is replaced: KeyError or builtins.KeyError. Repeatable.' -r -F
complete -c uswgi-master -l reload-on-exception-value -d 'Text of an exception after which a worker is replaced, whole. Repeatable.' -r -F
complete -c uswgi-master -l reload-on-exception-repr -d 'Class and text of an exception after which a worker is replaced: KeyError: \'a\'. Repeatable.' -r -F
complete -c uswgi-master -l metric -d 'A number of the application for uwsgi.metric_*: NAME, or name=NAME,type=counter|gauge|absolute,initial_value=N,oid=TEXT. It survives reloads, and is among the statistics and metrics. Repeatable.' -r -F
complete -c uswgi-master -l metric-threshold -d 'A number of `metric` that raises an alarm while it has at least this value, looked at each second: key=NAME,value=N,alarm=ALARM, and msg=TEXT (else the name), rate=SECONDS between two times, reset=N (what it becomes). Repeatable.' -r -F
complete -c uswgi-master -l metric-alarm -d 'A number of `metric` that raises an alarm while it has at least this value, looked at each second: key=NAME,value=N,alarm=ALARM, and msg=TEXT (else the name), rate=SECONDS between two times, reset=N (what it becomes). Repeatable.' -r -F
complete -c uswgi-master -l alarm-metric -d 'A number of `metric` that raises an alarm while it has at least this value, looked at each second: key=NAME,value=N,alarm=ALARM, and msg=TEXT (else the name), rate=SECONDS between two times, reset=N (what it becomes). Repeatable.' -r -F
complete -c uswgi-master -l metrics-dir -d 'Folder in which each number under the names of uWSGI\'s metrics, and each of `metric`, is a file, written once a second when it has changed.' -r -F
complete -c uswgi-master -l metric-dir -d 'Folder in which each number under the names of uWSGI\'s metrics, and each of `metric`, is a file, written once a second when it has changed.' -r -F
complete -c uswgi-master -l stats -d 'Address of the statistics server: one JSON text a connection. Repeatable.' -r -F
complete -c uswgi-master -l stats-server -d 'Address of the statistics server: one JSON text a connection. Repeatable.' -r -F
complete -c uswgi-master -l stats-push -d 'Sends numbers under the names of uWSGI\'s metrics: socket:HOST:PORT[,PREFIX] (UDP, a datagram `PREFIX.NAME TYPE VALUE` for each), or carbon (to the servers of `carbon`, this often). Repeatable.' -r -F
complete -c uswgi-master -l stats-pusher-default-freq -d 'Seconds between two times that `stats-push` sends.' -r -F
complete -c uswgi-master -l stats-pushers-default-freq -d 'Seconds between two times that `stats-push` sends.' -r -F
complete -c uswgi-master -l master-fifo -d 'A FIFO for commands of one letter each, as uWSGI has them; of several the first is read, and the digits choose. Repeatable.' -r -F
complete -c uswgi-master -l sni -d 'NAME CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]: what clients of HTTPS get who ask for this name. Repeatable.' -r -F
complete -c uswgi-master -l sni-dir -d 'A folder with NAME.crt and NAME.key for each name, and perhaps NAME.ca: read at the start and at each reload.' -r -F
complete -c uswgi-master -l sni-dir-ciphers -d 'Ciphers of the names in sni-dir.' -r -F
complete -c uswgi-master -l sni-regexp -d 'The same for names that match a pattern. Repeatable.' -r -F
complete -c uswgi-master -l max-fd -d 'Open files of each process.' -r -F
complete -c uswgi-master -l logto -d 'Log file.' -r -F
complete -c uswgi-master -l logto2 -d 'Log file opened after privileges were dropped.' -r -F
complete -c uswgi-master -l log-format -d 'Format of the request line, with %(uri) and its like.' -r -F
complete -c uswgi-master -l logformat -d 'Format of the request line, with %(uri) and its like.' -r -F
complete -c uswgi-master -l logfile-chmod -d 'Mode of the log file: three octal digits.' -r -F
complete -c uswgi-master -l log-syslog -d 'Sends the log to the system\'s log, under this tag. Repeatable.' -r -F
complete -c uswgi-master -l log-socket -d 'Sends the log in datagrams to host:port or a unix socket. Repeatable.' -r -F
complete -c uswgi-master -l req-logger -d 'Where request lines go, as `logger`. Repeatable.' -r -F
complete -c uswgi-master -l logger-req -d 'Where request lines go, as `logger`. Repeatable.' -r -F
complete -c uswgi-master -l logger -d 'Where the log goes: file:PATH, stdio, fd:N, socket:ADDRESS, syslog:TAG or rsyslog:ADDRESS,TAG; a name in front makes it one that routes use. Repeatable.' -r -F
complete -c uswgi-master -l log-encoder -d 'Form of log lines: prefix, suffix, nl, format or json with its text; with :NAME for one logger. Repeatable, in order.' -r -F
complete -c uswgi-master -l log-req-encoder -d 'Form of log lines: prefix, suffix, nl, format or json with its text; with :NAME for one logger. Repeatable, in order.' -r -F
complete -c uswgi-master -l log-drain -d 'Lines that match are dropped. Repeatable.' -r -F
complete -c uswgi-master -l log-filter -d 'Only lines that match one of these patterns are kept. Repeatable.' -r -F
complete -c uswgi-master -l log-route -d 'Lines that match go to one logger: NAME PATTERN. Repeatable.' -r -F
complete -c uswgi-master -l log-req-route -d 'Lines that match go to one logger: NAME PATTERN. Repeatable.' -r -F
complete -c uswgi-master -l alarm -d 'Something that is told when it is raised, by uwsgi.alarm(NAME, MESSAGE) or the options below: NAME cmd:COMMAND (the message is its standard input), NAME signal:NUMBER, NAME mule:NUMBER (none: any mule), NAME log:TEXT. Repeatable.' -r -F
complete -c uswgi-master -l alarm-freq -d 'Seconds within which an alarm does not tell the same message again; 0: it always does.' -r -F
complete -c uswgi-master -l alarm-segfault -d 'Alarm that is raised when a worker, mule or spooler crashes. Repeatable.' -r -F
complete -c uswgi-master -l segfault-alarm -d 'Alarm that is raised when a worker, mule or spooler crashes. Repeatable.' -r -F
complete -c uswgi-master -l alarm-backlog -d 'Alarm that is raised each second in which the queue of a listening socket is full. Repeatable.' -r -F
complete -c uswgi-master -l backlog-alarm -d 'Alarm that is raised each second in which the queue of a listening socket is full. Repeatable.' -r -F
complete -c uswgi-master -l lq-alarm -d 'Alarm that is raised each second in which the queue of a listening socket is full. Repeatable.' -r -F
complete -c uswgi-master -l alarm-lq -d 'Alarm that is raised each second in which the queue of a listening socket is full. Repeatable.' -r -F
complete -c uswgi-master -l alarm-listen-queue -d 'Alarm that is raised each second in which the queue of a listening socket is full. Repeatable.' -r -F
complete -c uswgi-master -l listen-queue-alarm -d 'Alarm that is raised each second in which the queue of a listening socket is full. Repeatable.' -r -F
complete -c uswgi-master -l log-alarm -d 'Lines of the log that match raise alarms: NAME[,NAME...] PATTERN. Repeatable, in order.' -r -F
complete -c uswgi-master -l alarm-log -d 'Lines of the log that match raise alarms: NAME[,NAME...] PATTERN. Repeatable, in order.' -r -F
complete -c uswgi-master -l not-log-alarm -d 'Lines that match raise none of the alarms of later lines: NAME PATTERN. Repeatable.' -r -F
complete -c uswgi-master -l not-alarm-log -d 'Lines that match raise none of the alarms of later lines: NAME PATTERN. Repeatable.' -r -F
complete -c uswgi-master -l alarm-msg-size -d 'Bytes of a message of an alarm, at most 8192; a longer one is cut.' -r -F
complete -c uswgi-master -l log-maxsize -d 'Rotates the log file when it has this many bytes.' -r -F
complete -c uswgi-master -l log-backupname -d 'Name of the rotated log file; an older one is replaced.' -r -F
complete -c uswgi-master -l logdate -d 'Puts the date in front of messages: true, or a format of strftime. Request lines have their own time.' -r -F
complete -c uswgi-master -l log-date -d 'Puts the date in front of messages: true, or a format of strftime. Request lines have their own time.' -r -F
complete -c uswgi-master -l log-prefix -d 'Puts the date in front of messages: true, or a format of strftime. Request lines have their own time.' -r -F
complete -c uswgi-master -l log-slow -d 'Logs requests of at least so many milliseconds although disable-logging is set.' -r -F
complete -c uswgi-master -l log-big -d 'Logs answers of more than so many bytes although disable-logging is set.' -r -F
complete -c uswgi-master -l log-sendfile -d 'Logs files that the kernel sends although disable-logging is set.' -r -F
complete -c uswgi-master -l log-ioerror -d 'Logs answers that could not be sent although disable-logging is set.' -r -F
complete -c uswgi-master -l chdir -d 'Directory to change to before anything of the app is looked up.' -r -F
complete -c uswgi-master -l chdir2 -d 'Directory to change to after the app was loaded.' -r -F
complete -c uswgi-master -l cheaper -d 'Fewest workers: more come up to `workers` while they are needed. A busy worker is never taken down.' -r -F
complete -c uswgi-master -l cheaper-initial -d 'Workers at the start, with cheaper.' -r -F
complete -c uswgi-master -l cheaper-algo -d 'How cheaper decides: spare (busy workers), backlog (waiting connections), busyness (average load, see cheaper-busyness-max) or manual (an operator).' -r -F
complete -c uswgi-master -l cheaper-step -d 'Workers that come at a time, with cheaper.' -r -F
complete -c uswgi-master -l cheaper-overload -d 'Seconds that all workers are busy before more come (spare), connections that wait (backlog), or seconds of a cycle (busyness; 10 to 30 are good).' -r -F
complete -c uswgi-master -l cheaper-rss-limit-soft -d 'Bytes of resident memory of all workers above which cheaper starts no more.' -r -F
complete -c uswgi-master -l cheaper-rss-limit-hard -d 'Bytes of resident memory of all workers above which cheaper takes idle ones down.' -r -F
complete -c uswgi-master -l idle -d 'Seconds without a request after which all workers leave, until somebody connects.' -r -F
complete -c uswgi-master -l mount -d 'An app below a path: /path=app.py, /path=pkg.mod or /path=pkg.mod:callable; with `vhost` also of one host: HOST|=app.py, or HOST|/path=app.py for the SCRIPT_NAME /path. Repeatable.' -r -F
complete -c uswgi-master -l threads -d 'Python threads in each worker.' -r -F
complete -c uswgi-master -l thread-stacksize -d 'KiB of the stack of each thread that runs requests; the main thread, which runs them with one thread, has the system\'s.' -r -F
complete -c uswgi-master -l threads-stacksize -d 'KiB of the stack of each thread that runs requests; the main thread, which runs them with one thread, has the system\'s.' -r -F
complete -c uswgi-master -l thread-stack-size -d 'KiB of the stack of each thread that runs requests; the main thread, which runs them with one thread, has the system\'s.' -r -F
complete -c uswgi-master -l threads-stack-size -d 'KiB of the stack of each thread that runs requests; the main thread, which runs them with one thread, has the system\'s.' -r -F
complete -c uswgi-master -l route -d 'PATTERN ACTION:ARGUMENT: a rule of internal routing, done with a request whose PATH_INFO matches before the app is asked. Repeatable; rules of all route-* options are gone through in their order.' -r -F
complete -c uswgi-master -l route-host -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-uri -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-qs -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-remote-addr -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-user-agent -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-remote-user -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-referer -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-label -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-if -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-if-not -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l route-run -d 'As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable.' -r -F
complete -c uswgi-master -l final-route -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-status -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-host -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-uri -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-qs -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-remote-addr -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-user-agent -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-remote-user -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-referer -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-label -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-if -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-if-not -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l final-route-run -d 'As route, when a request has its answer: for lines and variables of the log. Repeatable.' -r -F
complete -c uswgi-master -l error-route -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-status -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-host -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-uri -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-qs -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-remote-addr -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-user-agent -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-remote-user -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-referer -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-label -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-if -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-if-not -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l error-route-run -d 'As route, when the head of an answer is made, whatever its status. Repeatable.' -r -F
complete -c uswgi-master -l response-route -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-status -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-host -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-uri -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-qs -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-remote-addr -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-user-agent -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-remote-user -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-referer -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-label -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-if -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-if-not -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l response-route-run -d 'As route, when the head of an answer is made, behind error-route. Repeatable.' -r -F
complete -c uswgi-master -l error-page-403 -d 'HTML file for errors that the server answers itself, as where no app is loaded or it fails before it answers; the app\'s own answers stay. The first that can be read counts. Repeatable.' -r -F
complete -c uswgi-master -l error-page-404 -d 'HTML file for errors that the server answers itself, as where no app is loaded or it fails before it answers; the app\'s own answers stay. The first that can be read counts. Repeatable.' -r -F
complete -c uswgi-master -l error-page-500 -d 'HTML file for errors that the server answers itself, as where no app is loaded or it fails before it answers; the app\'s own answers stay. The first that can be read counts. Repeatable.' -r -F
complete -c uswgi-master -l websockets-ping-freq -d 'Seconds of silence after which the client of a WebSocket is pinged; 0: never.' -r -F
complete -c uswgi-master -l websocket-ping-freq -d 'Seconds of silence after which the client of a WebSocket is pinged; 0: never.' -r -F
complete -c uswgi-master -l websockets-pong-tolerance -d 'Seconds that it has to answer before the WebSocket is closed.' -r -F
complete -c uswgi-master -l websocket-pong-tolerance -d 'Seconds that it has to answer before the WebSocket is closed.' -r -F
complete -c uswgi-master -l websockets-max-size -d 'Largest WebSocket message, in KiB.' -r -F
complete -c uswgi-master -l websocket-max-size -d 'Largest WebSocket message, in KiB.' -r -F
complete -c uswgi-master -l add-header -d 'Header for every answer, `Name: value`. Repeatable.' -r -F
complete -c uswgi-master -l rem-header -d 'Header that is taken out of every answer of the app, and of static files. Repeatable.' -r -F
complete -c uswgi-master -l del-header -d 'Header that is taken out of every answer of the app, and of static files. Repeatable.' -r -F
complete -c uswgi-master -l collect-header -d 'HEADER VARIABLE: keeps a header of the answer as a variable, for %(var.VARIABLE) in log-format. Repeatable.' -r -F
complete -c uswgi-master -l response-header-collect -d 'HEADER VARIABLE: keeps a header of the answer as a variable, for %(var.VARIABLE) in log-format. Repeatable.' -r -F
complete -c uswgi-master -l pull-header -d 'As collect-header, and the client does not get it. Repeatable.' -r -F
complete -c uswgi-master -l check-static -d 'Directory whose files are served before the app is asked. Repeatable.' -r -F
complete -c uswgi-master -l static-check -d 'Directory whose files are served before the app is asked. Repeatable.' -r -F
complete -c uswgi-master -l static-map -d 'Serves files below a path without Python: /path=directory. Repeatable.' -r -F
complete -c uswgi-master -l static-map2 -d 'As static-map, with the path kept below the directory. Repeatable.' -r -F
complete -c uswgi-master -l static-skip-ext -d 'Ending of file names that are left to the app. Repeatable.' -r -F
complete -c uswgi-master -l static-index -d 'File that stands for its directory, e.g. index.html. Repeatable.' -r -F
complete -c uswgi-master -l static-safe -d 'Directory outside of the map to which symlinks may lead. Repeatable.' -r -F
complete -c uswgi-master -l mimefile -d 'File with MIME types, beside a built-in table. Repeatable.' -r -F
complete -c uswgi-master -l mime-file -d 'File with MIME types, beside a built-in table. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-type -d 'Expires for files of a type: `TYPE=SECONDS`. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-type-mtime -d 'Expires for files of a type: `TYPE=SECONDS`. Repeatable.' -r -F
complete -c uswgi-master -l static-expires -d 'Expires for files whose path matches: `PATTERN SECONDS`, from now or from the last change. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-mtime -d 'Expires for files whose path matches: `PATTERN SECONDS`, from now or from the last change. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-uri -d 'Expires for files whose REQUEST_URI matches: `PATTERN SECONDS`. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-uri-mtime -d 'Expires for files whose REQUEST_URI matches: `PATTERN SECONDS`. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-path-info -d 'Expires for files whose PATH_INFO matches: `PATTERN SECONDS`. Repeatable.' -r -F
complete -c uswgi-master -l static-expires-path-info-mtime -d 'Expires for files whose PATH_INFO matches: `PATTERN SECONDS`. Repeatable.' -r -F
complete -c uswgi-master -l static-gzip -d 'As static-gzip-all, for files whose path matches a pattern. Repeatable.' -r -F
complete -c uswgi-master -l static-gzip-dir -d 'As static-gzip-all, for files whose path begins so. Repeatable.' -r -F
complete -c uswgi-master -l static-gzip-prefix -d 'As static-gzip-all, for files whose path begins so. Repeatable.' -r -F
complete -c uswgi-master -l static-gzip-ext -d 'As static-gzip-all, for files whose path ends so. Repeatable.' -r -F
complete -c uswgi-master -l static-gzip-suffix -d 'As static-gzip-all, for files whose path ends so. Repeatable.' -r -F
complete -c uswgi-master -l mode -d 'A word that applications see as uwsgi.mode.' -r -F
complete -c uswgi-master -l env -d 'Sets an environment variable, NAME=value; NAME alone removes it. Repeatable.' -r -F
complete -c uswgi-master -l envdir -d 'Sets a variable for each file of a folder: its name, and its text without white space at the end; an empty file removes it. Wins over env. Repeatable.' -r -F
complete -c uswgi-master -l early-envdir -d 'As envdir, before everything else: $(NAME) sees it, and env wins over it.' -r -F
complete -c uswgi-master -l unenv -d 'Removes an environment variable. Repeatable.' -r -F
complete -c uswgi-master -l tcp-fast-open -d 'Connections of TCP sockets that may send data with their first packet before they are made.' -r -F
complete -c uswgi-master -l tcp-fastopen -d 'Connections of TCP sockets that may send data with their first packet before they are made.' -r -F
complete -c uswgi-master -l cron -d 'MINUTE HOUR DAY MONTH WEEK COMMAND: runs a command by the clock, in local time; -1 is every, -15 every fifteenth. Repeatable.' -r -F
complete -c uswgi-master -l cron2 -d 'A job by keys: minute, hour, day, month, week, unique, harakiri, then the command. Repeatable.' -r -F
complete -c uswgi-master -l unique-cron -d 'As cron; a command that still runs is not started again. Repeatable.' -r -F
complete -c uswgi-master -l cron-harakiri -d 'Seconds after which a command of cron is killed.' -r -F
complete -c uswgi-master -l attach-daemon -d 'Command that runs as long as the instance: started again when it ends, and anew by a reload. Repeatable.' -r -F
complete -c uswgi-master -l attach-control-daemon -d 'As attach-daemon; its end ends the instance.' -r -F
complete -c uswgi-master -l smart-attach-daemon -d 'PIDFILE[,SECONDS] COMMAND: a program that goes to the background and writes a pidfile. It is adopted where it runs, and outlives reloads and the instance. Repeatable.' -r -F
complete -c uswgi-master -l smart-attach-daemon2 -d 'The same for a program that stays in the foreground: the pidfile is written for it. Repeatable.' -r -F
complete -c uswgi-master -l attach-daemon2 -d 'A daemon by keys: cmd, pidfile, freq, control, daemonize, touch, stopsignal, reloadsignal, stdin, uid, gid, chdir, max_throttle, notifypid. Repeatable.' -r -F
complete -c uswgi-master -l print -d 'Prints a text while the configuration is read.' -r -F
complete -c uswgi-master -l iprint -d 'Prints a text while the configuration is read.' -r -F
complete -c uswgi-master -l exit -d 'Ends with this exit code.' -r -F
complete -c uswgi-master -l carbon -d 'HOST:PORT of a carbon server (Graphite) that gets the numbers of the instance, with uWSGI\'s names. Repeatable.' -r -F
complete -c uswgi-master -l carbon-timeout -d 'Seconds for the connection to a carbon server, and for each write.' -r -F
complete -c uswgi-master -l carbon-freq -d 'Seconds between two times that carbon gets numbers; the first time is a second after the start.' -r -F
complete -c uswgi-master -l carbon-id -d 'Name of the instance in keys of carbon.' -r -F
complete -c uswgi-master -l carbon-max-retry -d 'Tries after one that failed to reach a carbon server.' -r -F
complete -c uswgi-master -l carbon-retry-delay -d 'Seconds before each of them.' -r -F
complete -c uswgi-master -l carbon-root -d 'What keys of carbon begin with; empty: the host\'s name.' -r -F
complete -c uswgi-master -l carbon-hostname-dots -d 'What stands for each dot of the host\'s name in keys of carbon.' -r -F
complete -c uswgi-master -l carbon-idle-avg -d 'Mean duration that carbon gets of a time without requests: last (that of before), zero, or none (no line).' -r -F
complete -c uswgi-master -l cheaper-busyness-max -d 'Per cent of a cycle (cheaper-overload seconds) spent in requests above which cheaper-step more workers come; for cheaper-algo = busyness, as all of these.' -r -F
complete -c uswgi-master -l cheaper-busyness-min -d 'Per cent below which a cycle is idle.' -r -F
complete -c uswgi-master -l cheaper-busyness-multiplier -d 'Idle cycles after which a worker goes. A cycle between min and max is not counted; one above max, or three between in a row, make the count start again.' -r -F
complete -c uswgi-master -l cheaper-busyness-penalty -d 'Added to the multiplier each time a worker went and was needed again in less time than the multiplier stands for; taken back where it was needed later.' -r -F
complete -c uswgi-master -l cheaper-busyness-backlog-alert -d 'Connections waiting at a socket above which emergency workers come at once, before the cycle ends.' -r -F
complete -c uswgi-master -l cheaper-busyness-backlog-multiplier -d 'Idle cycles after which an emergency worker goes.' -r -F
complete -c uswgi-master -l cheaper-busyness-backlog-step -d 'Emergency workers that come at a time.' -r -F
complete -c uswgi-master -l cheaper-busyness-backlog-nonzero -d 'Seconds for which somebody waits at a socket after which emergency workers come.' -r -F
complete -c uswgi-master -l gevent -d 'Greenlets in each worker instead of threads, each for one request; gevent is the site\'s own.' -r -F
complete -c uswgi-master -l http -d 'Listens for HTTP/1.1 in the workers themselves; there is no separate router process.' -r -F
complete -c uswgi-master -l httprouter -d 'Listens for HTTP/1.1 in the workers themselves; there is no separate router process.' -r -F
complete -c uswgi-master -l https -d 'ADDRESS,CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]: listens for HTTPS, with files in PEM. CLIENTS holds the certificates that sign those of clients; with ! in front each client has to show one. Repeatable.' -r -F
complete -c uswgi-master -l https2 -d 'The same, as addr=ADDRESS,cert=FILE,key=FILE[,ciphers=LIST][,client_ca=FILE]. Repeatable.' -r -F
complete -c uswgi-master -l http-to-https -d 'Listens for HTTP, and answers every request with its address by HTTPS (301). Repeatable.' -r -F
complete -c uswgi-master -l http-to -d 'Where uWSGI\'s HTTP router passes requests on. An address of a socket of this instance needs nothing: its workers take HTTP themselves. Any other is refused: listen with http-socket where the app is, or let nginx proxy.' -r -F
complete -c uswgi-master -l http-timeout -d 'Seconds an HTTP client may make no progress.' -r -F
complete -c uswgi-master -l http-keepalive -d 'Seconds an idle HTTP connection is kept; 1 stands for http-timeout (60 without it), 0 keeps none.' -r -F
complete -c uswgi-master -l http-enable-proxy-protocol -d 'As enable-proxy-protocol, on HTTP sockets.' -r -F
complete -c uswgi-master -l wsgi-file -d 'The app: path of a Python file. With module too, it is opened only when that does not load.' -r -F
complete -c uswgi-master -l file -d 'The app: path of a Python file. With module too, it is opened only when that does not load.' -r -F
complete -c uswgi-master -l eval -d 'Python code as the app: its `callable` serves.' -r -F
complete -c uswgi-master -l module -d 'The app: pkg.mod, pkg.mod:callable or pkg.mod:factory().' -r -F
complete -c uswgi-master -l wsgi -d 'The app: pkg.mod, pkg.mod:callable or pkg.mod:factory().' -r -F
complete -c uswgi-master -l callable -d 'Name of the callable in the module or file.' -r -F
complete -c uswgi-master -l home -d 'Virtual environment whose interpreter runs the app.' -r -F
complete -c uswgi-master -l virtualenv -d 'Virtual environment whose interpreter runs the app.' -r -F
complete -c uswgi-master -l venv -d 'Virtual environment whose interpreter runs the app.' -r -F
complete -c uswgi-master -l pyhome -d 'Virtual environment whose interpreter runs the app.' -r -F
complete -c uswgi-master -l pythonpath -d 'Directory to put in front of sys.path; patterns are expanded. Repeatable.' -r -F
complete -c uswgi-master -l python-path -d 'Directory to put in front of sys.path; patterns are expanded. Repeatable.' -r -F
complete -c uswgi-master -l pp -d 'Directory to put in front of sys.path; patterns are expanded. Repeatable.' -r -F
complete -c uswgi-master -l pymodule-alias -d 'NAME=MODULE or NAME=FILE: a second name to import something by. Repeatable.' -r -F
complete -c uswgi-master -l post-pymodule-alias -d 'As pymodule-alias, a second name made behind those. Repeatable.' -r -F
complete -c uswgi-master -l import -d 'Module, or path of a Python file, to import before the app; one that fails is left out. Repeatable.' -r -F
complete -c uswgi-master -l pyimport -d 'Module, or path of a Python file, to import before the app; one that fails is left out. Repeatable.' -r -F
complete -c uswgi-master -l py-import -d 'Module, or path of a Python file, to import before the app; one that fails is left out. Repeatable.' -r -F
complete -c uswgi-master -l python-import -d 'Module, or path of a Python file, to import before the app; one that fails is left out. Repeatable.' -r -F
complete -c uswgi-master -l shared-import -d 'Module, or path of a Python file, to import in every process, before `import`. Repeatable.' -r -F
complete -c uswgi-master -l shared-pyimport -d 'Module, or path of a Python file, to import in every process, before `import`. Repeatable.' -r -F
complete -c uswgi-master -l shared-py-import -d 'Module, or path of a Python file, to import in every process, before `import`. Repeatable.' -r -F
complete -c uswgi-master -l shared-python-import -d 'Module, or path of a Python file, to import in every process, before `import`. Repeatable.' -r -F
complete -c uswgi-master -l spooler-import -d 'Module, or path of a Python file, to import in spooler processes. Repeatable.' -r -F
complete -c uswgi-master -l spooler-pyimport -d 'Module, or path of a Python file, to import in spooler processes. Repeatable.' -r -F
complete -c uswgi-master -l spooler-py-import -d 'Module, or path of a Python file, to import in spooler processes. Repeatable.' -r -F
complete -c uswgi-master -l spooler-python-import -d 'Module, or path of a Python file, to import in spooler processes. Repeatable.' -r -F
complete -c uswgi-master -l pyargv -d 'sys.argv after the program name, separated by spaces.' -r -F
complete -c uswgi-master -l optimize -d 'Python\'s optimization level: 1 leaves assertions out, 2 documentation too.' -r -F
complete -c uswgi-master -l paste -d 'An app of paste.deploy, from the site\'s environment: config:/path/file.ini, with #NAME behind it.' -r -F
complete -c uswgi-master -l ini-paste -d 'Reads the options of [uwsgi] in a paste file and loads its app, as `paste = config:FILE`.' -r -F
complete -c uswgi-master -l ini-paste-logged -d 'As ini-paste, with paste-logger.' -r -F
complete -c uswgi-master -l py-tracebacker -d 'Start of a path: at PATH1 worker 1 listens, at PATH2 worker 2, and prints the stacks of its threads to who connects.' -r -F
complete -c uswgi-master -l py-auto-reload -d 'Looks so often, in seconds, at the source of loaded modules, and reloads when one has changed; what does not load changes nothing. For development.' -r -F
complete -c uswgi-master -l py-autoreload -d 'Looks so often, in seconds, at the source of loaded modules, and reloads when one has changed; what does not load changes nothing. For development.' -r -F
complete -c uswgi-master -l python-auto-reload -d 'Looks so often, in seconds, at the source of loaded modules, and reloads when one has changed; what does not load changes nothing. For development.' -r -F
complete -c uswgi-master -l python-autoreload -d 'Looks so often, in seconds, at the source of loaded modules, and reloads when one has changed; what does not load changes nothing. For development.' -r -F
complete -c uswgi-master -l py-auto-reload-ignore -d 'Module that py-autoreload does not look at. Repeatable.' -r -F
complete -c uswgi-master -l py-executable -d 'Value of sys.executable.' -r -F
complete -c uswgi-master -l py-sys-executable -d 'Value of sys.executable.' -r -F
complete -c uswgi-master -l rsyslog-packet-size -d 'Bytes of the longest datagram to an rsyslog.' -r -F
complete -c uswgi-master -l allow-unsupported -d 'Start although the configuration holds options that are not supported here; each becomes a warning.' -r -F
complete -c uswgi-master -l asgi -d 'Calls the app by ASGI 3 (http, websocket and lifespan), each request in a task of asyncio, in the place of WSGI in threads.' -r -F
complete -c uswgi-master -l asgi-tasks -d 'With `asgi`: requests that a worker runs at the same time; others wait in the queue of the socket.' -r -F
complete -c uswgi-master -l asyncio-loop -d 'With `asgi`: the loop: asyncio, uvloop, or auto, which is uvloop where the app\'s environment has it.' -r -F
complete -c uswgi-master -l django-preload -d 'Loads Django\'s URLconf, the views that it names and the template engines with the app instead of with the first request: a mistake there replaces nothing.' -r -F
complete -c uswgi-master -l emperor-die-with -d 'What becomes of the vassals of an Emperor that is killed: stop, or nothing.' -r -F
complete -c uswgi-master -l canary-for -d 'Seconds for which `uswgi-ctl reload --canary` compares both generations: 60, 60s, 5m.' -r -F
complete -c uswgi-master -l canary-max-5xx -d 'Percentage points of failed requests that the new generation of a canary may have above the old one: 1, +0.5%.' -r -F
complete -c uswgi-master -l canary-max-slower -d 'How many times as long the requests of the new generation of a canary may take: 1.5, 2x.' -r -F
complete -c uswgi-master -l canary-min-requests -d 'Requests that the new generation of a canary answers before it is judged.' -r -F
complete -c uswgi-master -l canary-share -d 'Share of the workers that are of the new generation during a canary, in percent: above 0, at most 50.' -r -F
complete -c uswgi-master -l emperor-start-concurrency -d 'Vassals that an Emperor starts at a time.' -r -F
complete -c uswgi-master -l forwarded-allow-ips -d 'Peers whose X-Forwarded-Proto, -SSL and -For are believed: addresses, networks, unix, loopback, private, none, *. Repeatable.' -r -F
complete -c uswgi-master -l keep-previous -d 'Seconds for which the template of the generation before sleeps after a reload, for `uswgi-ctl rollback`; 0: not.' -r -F
complete -c uswgi-master -l log-json -d 'Writes one JSON object a line: requests, messages, and what the application prints.' -r -F
complete -c uswgi-master -l slow-request -d 'Milliseconds from which on a request is written down with where its time went, for `uswgi-ctl slow`; 0: none.' -r -F
complete -c uswgi-master -l loop-lag-warn -d 'Milliseconds for which one greenlet may keep the others from running before the log says where it stands; 0: never.' -r -F
complete -c uswgi-master -l max-surplus -d 'Most processes above `workers` while workers are being replaced.' -r -F
complete -c uswgi-master -l reload-boost -d 'How much less nice processes are that a reload waits for, so that it is soon over under load: the one that imports the application, workers until they accept, and those that have finished their requests until they have ended. 0 (not at all) to 20. Takes effect where the master has a nice value of 0 and may give a lower one: as root, or by its limits (LimitNICE= of systemd).' -r -F
complete -c uswgi-master -l no-new-privs -d 'No program that the instance starts may gain privileges (setuid bits count for nothing).' -r -F
complete -c uswgi-master -l reload-watch -d 'Seconds for which a reload watches its workers once all of them accept: two that die meanwhile end it, and the workers of before come back. It is over after that time; 0: nobody watches.' -r -F
complete -c uswgi-master -l rpc-allow-ips -d 'Peers that may call functions of uwsgi.register_rpc and raise signals of the app over a uwsgi socket (modifier1 173 and 110): addresses, networks, unix, loopback, private, none, *. Repeatable.' -r -F
complete -c uswgi-master -l shutdown-delay -d 'Seconds that everything is served yet after TERM, while /readyz and `uswgi-ctl ping` say no, before the stop begins.' -r -F
complete -c uswgi-master -l spooler-allow-ips -d 'Peers that may spool a task over a uwsgi socket (modifier1 17): addresses, networks, unix, loopback, private, none, *. Repeatable.' -r -F
complete -c uswgi-master -l spooler-fsync -d 'A task is on disk before uwsgi.spool() returns; false: it is in the file system, and a power cut may lose it.' -r -F
complete -c uswgi-master -l spooler-max-attempts -d 'Spooler processes that a task may end (by a crash, a kill or its harakiri) before it is moved to DIR/failed; 0: any number.' -r -F
complete -c uswgi-master -l signals-pile-up -d 'Raises a signal by the clock, or for a file, although nobody has taken the one before: as on uWSGI all of them run when somebody is free.' -r -F
complete -c uswgi-master -l spooler-retry-delay -d 'Seconds before a task that asked for another try runs again, doubled with each try up to an hour; 0: at the next look at the folder.' -r -F
complete -c uswgi-master -l warmup -d 'Path that each new worker asks of the application in itself before it accepts, with environ `uswgi.warmup`; one whose answer is not expected is not ready: the start or the reload fails. Repeatable.' -r -F
complete -c uswgi-master -l warmup-header -d 'Header field of these requests, Name: value. Repeatable.' -r -F
complete -c uswgi-master -l warmup-expect -d 'Status codes that are good: ranges such as 200-399, with commas between.' -r -F
complete -c uswgi-master -l websocket-reload -d 'What becomes of WebSockets when their worker leaves: close (with 1001, at once), or drain (they go on until they end or the mercy is over).' -r -F
complete -c uswgi-master -l warmup-timeout -d 'Seconds for each of these requests.' -r -F
complete -c uswgi-master -l worker-id-exclusive -d 'A worker number belongs to one process at a time: a worker is replaced in its place, its successor starts when it has ended, as many at a time as max-surplus says.' -r -F
complete -c uswgi-master -l strict -d 'Unknown options stop the start.'
complete -c uswgi-master -l skip-atexit -d 'Workers end without running functions of atexit and uwsgi.atexit.'
complete -c uswgi-master -l skip-atexit-teardown -d 'Workers end without finalising Python: uwsgi.atexit runs, functions of atexit do not.'
complete -c uswgi-master -l if-reload -d 'The lines up to endif only when the file is read for a reload; if-not-reload: only at the start.'
complete -c uswgi-master -l if-not-reload -d 'The lines up to endif only when the file is read for a reload; if-not-reload: only at the start.'
complete -c uswgi-master -l end-blacklist -d 'Forgets the blacklist.'
complete -c uswgi-master -l end-whitelist -d 'Forgets the whitelist.'
complete -c uswgi-master -l memory-report -d 'Puts memory in front of the request line.'
complete -c uswgi-master -l abstract-socket -d 'Puts unix sockets of `socket` into the abstract namespace.'
complete -c uswgi-master -l freebind -d 'Binds TCP sockets to addresses that are not there yet, as a failover address.'
complete -c uswgi-master -l emperor-nofollow -d 'The time of a symbolic link counts as a touch of a vassal, and not that of the file that it leads to.'
complete -c uswgi-master -l emperor-tyrant -d 'Each vassal becomes the user and group of its file; root\'s files, and those that anybody can write to, are refused. The Emperor stays root.'
complete -c uswgi-master -l emperor-tyrant-nofollow -d 'The owner of a symbolic link counts, and not that of the file that it leads to.'
complete -c uswgi-master -l emperor-no-blacklist -d 'A vassal that fails is tried again every 3 s (or emperor-freq), without longer waits, as with emperor-throttle = 0.'
complete -c uswgi-master -l exit-on-reload -d 'A reload ends the instance gracefully, with exit code 0: the service manager starts it anew.'
complete -c uswgi-master -l die-on-term -d 'TERM stops; false: TERM reloads, as uWSGI does without this option.'
complete -c uswgi-master -l help -d 'Prints the options and ends.'
complete -c uswgi-master -l usage -d 'Prints the options and ends.'
complete -c uswgi-master -l cache-no-expire -d 'Items of the cache that `cache` makes never expire.'
complete -c uswgi-master -l spooler-ordered -d 'Numeric folders below a spooler folder hold tasks too, and lower numbers run first (`priority`).'
complete -c uswgi-master -l spooler-quiet -d 'No line in the log for each task.'
complete -c uswgi-master -l disable-logging -d 'Writes no line for each request.'
complete -c uswgi-master -l no-initgroups -d 'Leaves the supplementary groups of the user out.'
complete -c uswgi-master -l no-defer-accept -d 'Accepts on uwsgi sockets before the first byte has come, as HTTP sockets always do.'
complete -c uswgi-master -l so-send-timeout -d 'As socket-timeout.'
complete -c uswgi-master -l socket-send-timeout -d 'As socket-timeout.'
complete -c uswgi-master -l so-write-timeout -d 'As socket-timeout.'
complete -c uswgi-master -l socket-write-timeout -d 'As socket-timeout.'
complete -c uswgi-master -l no-default-app -d 'What no application owns is answered with 500, and not by the default application.'
complete -c uswgi-master -l manage-script-name -d 'Chooses the app by the longest mount prefix, and sets SCRIPT_NAME.'
complete -c uswgi-master -l reload-on-exception -d 'Replaces a worker when an exception has left its app; other requests are finished.'
complete -c uswgi-master -l metrics-dir-restore -d 'Numbers of `metric`, and counters of `metrics-dir`, begin with what their files say.'
complete -c uswgi-master -l metric-dir-restore -d 'Numbers of `metric`, and counters of `metrics-dir`, begin with what their files say.'
complete -c uswgi-master -l metrics-no-cores -d 'Leaves numbers of single threads out of `stats-push` and `metrics-dir`.'
complete -c uswgi-master -l stats-http -d 'The statistics server speaks HTTP: /metrics for Prometheus, /healthz, /readyz, and the JSON text everywhere else.'
complete -c uswgi-master -l stats-minified -d 'Writes the statistics without indentation.'
complete -c uswgi-master -l stats-min -d 'Writes the statistics without indentation.'
complete -c uswgi-master -l stats-no-cores -d 'Leaves the threads out of the statistics.'
complete -c uswgi-master -l ssl-verbose -d 'Says every handshake that fails, not only a few of them.'
complete -c uswgi-master -l logformat-strftime -d '%(ftime) in log-format follows the format of log-date.'
complete -c uswgi-master -l log-format-strftime -d '%(ftime) in log-format follows the format of log-date.'
complete -c uswgi-master -l logfile-chown -d 'Gives the log file to the user that the instance becomes, so that it can be opened again and rotated.'
complete -c uswgi-master -l log-master -d 'Sends the log through a process of its own, which alone has the files open: a stuck disk holds up no worker.'
complete -c uswgi-master -l log-reopen -d 'Opens the log file again with every reload.'
complete -c uswgi-master -l log-truncate -d 'Empties the log file at start.'
complete -c uswgi-master -l log-zero -d 'Logs answers without a body although disable-logging is set.'
complete -c uswgi-master -l log-4xx -d 'Logs answers 400 to 499 although disable-logging is set.'
complete -c uswgi-master -l log-5xx -d 'Logs answers 500 to 599 although disable-logging is set.'
complete -c uswgi-master -l log-micros -d 'Microseconds in the request line.'
complete -c uswgi-master -l log-x-forwarded-for -d 'Takes the client\'s address for the log from X-Forwarded-For.'
complete -c uswgi-master -l lazy -d 'As lazy-apps.'
complete -c uswgi-master -l lazy-apps -d 'Loads the app in every worker instead of once before the fork.'
complete -c uswgi-master -l cheap -d 'Starts no worker before the first connection.'
complete -c uswgi-master -l die-on-idle -d 'Ends the instance after `idle` seconds without a request.'
complete -c uswgi-master -l vhost -d 'Mount points may have a host: HOST|=app.py serves requests whose Host header is HOST. What belongs to no host goes to the app that is mounted nowhere, or else to the first without a host.'
complete -c uswgi-master -l vhost-host -d 'Mount points may have a host: HOST|=app.py serves requests whose Host header is HOST. What belongs to no host goes to the app that is mounted nowhere, or else to the first without a host.'
complete -c uswgi-master -l static-gzip-all -d 'Sends FILE.gz for FILE, where it is there, to clients that take gzip.'
complete -c uswgi-master -l honour-range -d 'Answers a Range of a static file with 206; false: always sends the whole.'
complete -c uswgi-master -l vacuum -d 'Removes sockets and pidfiles at exit.'
complete -c uswgi-master -l enable-proxy-protocol -d 'Connections from peers of forwarded-allow-ips may begin with a header of the PROXY protocol, version 1 or 2: the client that it names is the peer. On all sockets.'
complete -c uswgi-master -l daemons-honour-stdin -d 'Daemons keep the standard input.'
complete -c uswgi-master -l version -d 'Prints the version and ends.'
complete -c uswgi-master -l carbon-no-workers -d 'Sends no lines for each worker to carbon.'
complete -c uswgi-master -l cheaper-busyness-verbose -d 'Logs the load of every cycle and what follows from it.'
complete -c uswgi-master -l gevent-monkey-patch -d 'Patches the standard library for gevent in each worker, after the app was imported.'
complete -c uswgi-master -l gevent-early-monkey-patch -d 'The same before the app is imported.'
complete -c uswgi-master -l gevent-wait-for-hub -d 'A worker that ends waits for every greenlet, not only for its requests.'
complete -c uswgi-master -l https-export-cert -d 'Gives the certificate of a client to the app as HTTPS_CC, in PEM.'
complete -c uswgi-master -l paste-logger -d 'Sets up logging from the file of `paste` before the app is loaded.'
complete -c uswgi-master -l no-site -d 'Starts Python without the module site: no site-packages, also of a virtual environment.'
complete -c uswgi-master -l python-version -d 'Prints the version of the Python that would run, and ends; `home` before it counts; on the command line only.'
