# Who may what: the panel has GPIO and input devices, no camera, no database, no network, and
# not the relay's line while the guardian has it.
plug_in keypad 0101
panel
start
owns() { ls -l /proc/"$1"/fd 2>/dev/null; }
panel=$(pid doorward-panel)
owns "$panel" | grep -q 'gpio' || fail "the panel holds no line"
owns "$panel" | grep -q '/dev/input/' || fail "the panel holds no keypad"
owns "$panel" | grep -q 'video' && fail "the panel holds a camera"
[ "$(stat -c %U:%G:%a /run/doorward-panel/panel.sock)" = doorward-panel:doorward:660 ] || fail "the socket is $(stat -c %U:%G:%a /run/doorward-panel/panel.sock)"
inside() { nsenter -t "$panel" -m -n -- runuser -u doorward-panel -- "$@"; }
inside ls /var/lib/doorward >/dev/null 2>&1 && fail "the panel's user sees the database"
[ "$(nsenter -t "$panel" -n ip -o link 2>/dev/null | grep -vc ' lo:')" = 0 ] || fail "it has a network"
gpioset --mode=exit door-bank 4=1 2>/dev/null && fail "the relay's line is free"
exposure=$(systemd-analyze security doorward-panel.service --no-pager | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\).*/\1/p')
echo "NOTE systemd-analyze security doorward-panel: $exposure"
[ "$(echo "$exposure" | awk '{print ($1 != "" && $1 <= 0.9) ? "tight" : "loose"}')" = tight ] || fail "exposure $exposure, at most 0.9"
