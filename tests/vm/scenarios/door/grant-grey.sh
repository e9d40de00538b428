# The same face from a camera without colour.
config 'camera.format = "GREY"'
start
feed listed grey
await granted
await_high
