# A rule outside its hours keeps a listed person out; other hours and a reload let in.
rule() {
    printf '%s\n' 'time_zone = "UTC"' '[hours]' "open = [\"$1\"]" '[[rule]]' 'name = "Staff"' 'groups = ["staff"]' \
        'hours = ["open"]' >/etc/doorward/access.d/staff.toml
}
as_service people group add "Barack Obama" staff >/dev/null || fail "no group"
rule "$(LANG=C date -u -d '+3 days' +%a | tr A-Z a-z) 10:00-11:00"
guarded 'access.clock = "trusted"'
feed listed yuyv
await_record denied '"reason":"outside_hours"'
stays_low 2
never granted
rule 'daily 00:00-24:00'
systemctl reload doorward
await config_reloaded
await_high
verified
