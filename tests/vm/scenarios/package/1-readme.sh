# From nothing to the first grant by the README's own commands, taken out of it in their order.
cd $share
cp doorward.deb doorward_0.1.0-1_arm64.deb
for photo in 1 2 3; do cp $share/0$photo.jpg ada$photo.jpg; done
# Only what the section says, with words the guest has: root needs no sudo, apt no network.
commands() { # SECTION WORD: its sh snippets' lines that contain WORD
    sed -n "/^## $1\$/,/^## /p" README.md | sed -n '/^```sh$/,/^```$/p' | grep -- "$2" | sed 's/ *#.*//'
}
sudo() { case $1 in -u) local user=$2; shift 2; runuser -u "$user" -- "$@" ;; *) "$@" ;; esac; }
apt() { command dpkg "--$1" "$2"; }
follow() {
    local line
    while read -r line; do
        echo "    \$ $line"
        eval "$line" || fail "the README's command fails: $line"
    done < <(commands "$1" "$2")
}
follow Install 'apt install'
hardware
# Wire and Configure: their snippets, with this machine's chip and camera.
{
    sed -n '/^## Wire$/,/^## /p;/^## Configure$/,/^## /p' README.md | sed -n '/^```toml$/,/^```$/p' | grep -v '^```'
} | sed -e 's|"pinctrl-bcm2711"|"door-bank"|' -e 's|^line = .*|line = 4|' \
    -e 's|"/dev/v4l/by-id/[^"]*"|"/dev/doorward/camera"|' -e 's|^pulse_ms = .*|pulse_ms = 1500|' >/etc/doorward/doorward.toml
follow Enrol 'ada1.jpg'
follow Enrol 'people list'
follow Wire 'relay pulse'
follow Guard 'enable --now'
feed listed yuyv
await_high
await_low
read_config=/etc/doorward/doorward.toml
events | grep '"kind":"granted"' | grep -q '"name":"Ada Example"' || fail "no grant on record"
