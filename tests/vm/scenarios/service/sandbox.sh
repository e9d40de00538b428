# The sandbox in which all of this runs is as tight as it was: a ratchet.
exposure=$(systemd-analyze security doorward.service --no-pager | sed -n 's/.*Overall exposure level for doorward.service: \([0-9.]*\).*/\1/p')
echo "NOTE systemd-analyze security: $exposure"
[ "$(echo "$exposure" | awk '{print ($1 <= 0.7) ? "tight" : "loose"}')" = tight ] || fail "exposure $exposure, at most 0.7"
start
feed listed yuyv
await_high
