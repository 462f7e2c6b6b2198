complete -c uswgi-worker -s H -l home -d 'Interpreter of this virtual environment' -r -f -a "(__fish_complete_directories)"
complete -c uswgi-worker -l chdir -d 'Change to this directory first' -r -f -a "(__fish_complete_directories)"
complete -c uswgi-worker -l pythonpath -d 'Look for modules there too' -r -f -a "(__fish_complete_directories)"
complete -c uswgi-worker -l protocol -d 'What is spoken on the inherited sockets' -r -f -a "http\t''
uwsgi\t''"
complete -c uswgi-worker -l threads -d 'Threads that run requests' -r
complete -c uswgi-worker -l optimize -d 'Python\'s optimization level' -r -f -a "0\t''
1\t''
2\t''"
complete -c uswgi-worker -l as -d 'Become this user and these groups first' -r
complete -c uswgi-worker -l check -d 'Import the application and end' -r -F
complete -c uswgi-worker -l serve -d 'Serve it on the inherited sockets' -r -F
complete -c uswgi-worker -l no-site -d 'Start Python without the module site'
complete -c uswgi-worker -l no-django-preload -d 'Leave to the first request what Django imports then'
complete -c uswgi-worker -l print-interpreter -d 'Print the interpreter and the module, and end'
complete -c uswgi-worker -s h -l help -d 'Print help'
complete -c uswgi-worker -s V -l version -d 'Print version'
