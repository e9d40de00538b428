# A format the camera does not offer: named, with what there is, and nobody is let in.
config 'camera.format = "MJPG"'
systemctl start doorward
said 'YUYV'
feed listed yuyv
stays_low 3
never granted
