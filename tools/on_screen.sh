#!/bin/sh
# on_screen.sh COMMAND ...: runs it on a virtual screen where the system has none to give.
set -eu
if [ "$(uname -s)" = Linux ]; then
    exec xvfb-run -a -s "-screen 0 1400x1000x24" "$@"
fi
exec "$@"
