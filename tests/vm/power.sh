# Power cuts; sourced by run.sh. A machine guards a door with a listed person in view
# again and again. At 30 random moments the whole machine is stopped and its disk is
# copied as it is at that moment, which is what a cut leaves: all that was only in
# memory is missing. A second machine then boots with the relay's line pulled to
# open, must lock it before anything else, and looks at each of the disks.
cuts=${DOORWARD_VM_CUTS:-30}

run_power() {
    local folder=$scratch/power disks=$scratch/disks log=$out/power-guard.log machine kernel_process number seen
    mkdir -p "$folder/opt/doorward/scenarios" "$disks"
    truncate -s 32M "$scratch/disk"
    mkfs.ext4 -q "$scratch/disk"
    cp "$here/power-guard.sh" "$folder/opt/doorward/power.sh"
    (boot power-guard power "$folder" ubda="$scratch/disk") & machine=$!
    until grep -aq '^READY' "$log" 2>/dev/null || ! kill -0 $machine 2>/dev/null; do sleep 0.5; done
    for number in $(seq "$cuts"); do
        kernel_process=$(pgrep -o -P "$machine") || break
        sleep "$((RANDOM % 2)).$((RANDOM % 900 + 100))"
        kill -STOP "$kernel_process"
        seen=$(tr -d '\r' <"$log" | grep -ac '^HIGH' || true)
        cp --sparse=always "$scratch/disk" "$disks/$(printf '%02d' "$number")-$seen"
        kill -CONT "$kernel_process"
    done
    # The kernel makes a group of its own, which the end of its caller does not end.
    for number in $machine $(pgrep -P "$machine"); do
        kill -KILL -- "-$(ps -o pgid= -p "$number" | tr -d ' ')" || true
    done
    wait $machine 2>/dev/null || true

    rm -rf "$folder"
    local units=$folder/etc/systemd/system
    mkdir -p "$folder/opt/doorward/scenarios" "$folder/etc/doorward" "$units/sysinit.target.wants" "$units/basic.target.wants"
    cp "$here/power-look.sh" "$folder/opt/doorward/scenarios/cut-at-random.sh"
    cp "$here/power-boot.sh" "$folder/opt/doorward/scenarios/at-boot.sh"
    cp "$here"/power-board{.sh,.service} "$folder/opt/doorward/"
    printf 'relay.chip = "door-bank"\nrelay.line = "relay"\n' >"$folder/etc/doorward/doorward.toml"
    ln -s /opt/doorward/power-board.service "$units/power-board.service"
    ln -s /opt/doorward/power-board.service "$units/sysinit.target.wants/power-board.service"
    ln -s /usr/lib/systemd/system/doorward-lock.service "$units/sysinit.target.wants/doorward-lock.service"
    (boot power power "$folder" "doorward.disks=$disks" "doorward.cuts=$cuts") || true
}
