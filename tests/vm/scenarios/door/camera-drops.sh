# Half of the buffers are lost: recognition goes on with the others.
start
feed nobody yuyv
v4l2-ctl -d $camera -c percentage_of_dropped_buffers=50
feed listed yuyv
await granted
v4l2-ctl -d $camera -c percentage_of_dropped_buffers=0
