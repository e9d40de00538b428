# A good and a bad configuration while a face is in view.
config 'access.threshold = 1.5'
start
feed listed yuyv
await denied
config 'access.threshold = 9'
systemctl reload doorward
await config_rejected
never granted
config 'access.threshold = 0.7'
systemctl reload doorward
await config_reloaded
await granted
