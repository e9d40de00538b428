# Motion JPEG through v4l2loopback, without Huffman tables, as UVC cameras send it.
modprobe v4l2loopback video_nr=30 exclusive_caps=1
config "camera.device = \"$loopback\""
$share/loopback play $loopback $share/feeds/listed bare & player=$!
sleep 1
start
await_high
await granted
said 'MJPG'
await_low
kill $player
stays_low 2
await camera_lost
