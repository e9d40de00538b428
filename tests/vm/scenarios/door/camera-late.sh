# The camera appears only after the start.
unplug
start
await camera_lost
stays_low 2
plug
feed listed yuyv
await camera_back
await granted
await_low
