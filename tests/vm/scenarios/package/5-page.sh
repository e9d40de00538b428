# From the package to the first entry by the page: only what is wired is configured in a shell,
# and everything else is what a browser sends.
hardware
dpkg --install $share/doorward.deb >/tmp/install.log 2>&1 || fail "the package cannot be installed: $(tail -3 /tmp/install.log)"
config ""
doorward web add-user ada --role administrator --generate >/tmp/ada || fail "there is no account"
password=$(sed -n 's/^password: //p' /tmp/ada)
printf '[administrator]\ngroups = ["doorward-web"]\n' >>/etc/doorward/roles.toml
feed nobody yuyv
start
systemctl start doorward-web || fail "the page does not start"

jar=
# ask METHOD PATH [TYPE FILE]: what a browser sends; the answer is in /tmp/answer
ask() {
    local body=${4:-/dev/null}
    exec 7<>/dev/tcp/127.0.0.1/8443 || fail "nobody is at the page's address"
    {
        printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nConnection: close\r\nCookie: %s\r\n' "$1" "$2" "$jar"
        printf 'Content-Type: %s\r\nContent-Length: %s\r\n\r\n' "${3:-text/plain}" "$(stat -c %s "$body")"
        cat "$body"
    } >&7
    cat <&7 >/tmp/answer
    exec 7>&-
}
answers() { head -1 /tmp/answer | grep -q " $1" || fail "$2: $(head -1 /tmp/answer) $(grep -o '<p>[^<]*' /tmp/answer | head -3)"; }
token() { grep -o 'name="token" value="[^"]*"' /tmp/answer | head -1 | cut -d'"' -f4; }
cookies() { jar=$(tr -d '\r' </tmp/answer | sed -n 's/^set-cookie: \([^;]*\);.*/\1/p' | paste -sd';' | sed 's/;/; /g'); }
shows() { ask GET "$1"; grep -q -- "$2" /tmp/answer; }
# post PATH FIELDS: a form, `token` aside
post() { printf 'token=%s&%s' "$form" "$2" >/tmp/form; ask POST "$1" application/x-www-form-urlencoded /tmp/form; }
field() { printf -- '--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' "$1" "$2"; }

until_true 60 shows /log-in 'Log in' || fail "there is no page: $(head -1 /tmp/answer)"
cookies
form=$(token)
post /log-in "account=ada&password=$password"
answers 303 "nobody is logged in"
cookies
until_true 60 shows / Locked || fail "the page does not say how the door is"
form=$(token)

# Somebody is put on the list by photos of a phone, and let in.
{
    field token "$form"
    field name 'Barack Obama'
    for photo in 01 02; do
        printf -- '--edge\r\nContent-Disposition: form-data; name="photos"; filename="%s.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' $photo
        cat $share/$photo.jpg
        printf '\r\n'
    done
    printf -- '--edge--\r\n'
} >/tmp/upload
ask POST /people/add 'multipart/form-data; boundary=edge' /tmp/upload
answers 303 "nobody is enrolled by photos"
on_record enrolled '"claimed":"ada"' || fail "who enrolled is not on record"
shows /people 'Barack Obama' || fail "whoever is listed is not in the list"
feed listed yuyv
await_high
await_low
until_true 60 shows / 'Barack Obama' || fail "the first entry is not on the page"

# Opened once, with a reason.
feed nobody yuyv
await_low
post /open 'reason=a+parcel'
answers 303 "the door is not opened"
await_high
await_low
on_record unlock_asked '"purpose":"a parcel"' '"claimed":"ada"' || fail "the reason is not on record"

# Gone again, and what was done is in the report.
post /people/1/remove 'sure=yes'
answers 303 "nobody is erased"
shows /people/1 'Barack Obama' && fail "there is still a page of whoever is gone"
shows '/reports?what=all' 'ada' || fail "the report does not say who did it"
verified
systemctl stop doorward-web
