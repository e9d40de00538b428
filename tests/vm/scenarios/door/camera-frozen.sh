# No buffer arrives any more: lost after the stall time, back when they do.
start
feed nobody yuyv
sleep 2
v4l2-ctl -d $camera -c percentage_of_dropped_buffers=100
await camera_lost
stays_low 2
v4l2-ctl -d $camera -c percentage_of_dropped_buffers=0
await camera_back
