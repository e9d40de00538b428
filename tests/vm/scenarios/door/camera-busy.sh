# Another program streams from the camera: it says so, and takes over when it is free.
feed listed yuyv
v4l2-ctl -d $camera --set-fmt-video=width=640,height=480,pixelformat=YUYV --stream-mmap=4 --stream-to=/dev/null >/dev/null 2>&1 & other=$!
sleep 1
start
await camera_lost
said 'in use\|busy'
stays_low 2
never granted
kill $other
await camera_back
await granted
