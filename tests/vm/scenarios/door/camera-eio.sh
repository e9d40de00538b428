# The driver reports a fatal streaming error.
start
feed nobody yuyv
sleep 2
v4l2-ctl -d $camera -c inject_fatal_streaming_error=1
await camera_lost
await camera_back
feed listed yuyv
await granted
