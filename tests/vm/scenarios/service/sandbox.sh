# The sandboxes in which all of this runs are as tight as they were: a ratchet.
for unit in doorward doorward-relay doorward-panel doorward-lock doorward-sleep; do
    exposure=$(systemd-analyze security $unit.service --no-pager | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\).*/\1/p')
    echo "NOTE systemd-analyze security $unit: $exposure"
    [ "$(echo "$exposure" | awk '{print ($1 != "" && $1 <= 0.9) ? "tight" : "loose"}')" = tight ] || fail "$unit: exposure $exposure, at most 0.9"
done
for unit in doorward-web doorward-bridge; do
    exposure=$(systemd-analyze security $unit.service --no-pager | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\).*/\1/p')
    echo "NOTE systemd-analyze security $unit: $exposure"
    [ "$(echo "$exposure" | awk '{print ($1 != "" && $1 <= 1.5) ? "tight" : "loose"}')" = tight ] || fail "$unit: exposure $exposure, at most 1.5"
done
start
feed listed yuyv
await_high
