# A lockdown keeps a listed person out, and the exit button closed, until it is ended.
guarded
as_service mode lockdown --reason trial >/dev/null || fail "no lockdown"
feed listed yuyv
await_record grant_withdrawn '"reason":"locked_down"'
press
await rex_refused
stays_low 3
never granted
as_service mode normal >/dev/null
await_high
verified
