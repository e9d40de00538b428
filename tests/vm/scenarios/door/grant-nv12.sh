# The same face in NV12.
config 'camera.format = "NV12"'
start
feed listed nv12
await_high
await granted
